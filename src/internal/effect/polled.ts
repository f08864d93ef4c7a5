/** Distinguishes the clock of real time from other clocks, such as `TestClock`. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"

/** The clock that a program has unless it provides another one. */
const live = Context.get(DefaultServices.liveServices, Clock.Clock)

/** True if the clock tells real time. */
export const isLive = (clock: Clock.Clock): boolean => clock === live
