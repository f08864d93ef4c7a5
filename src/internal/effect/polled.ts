/** Tells real time from another clock's, such as that of `TestClock`. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"

/** The clock that a program has unless it is given another one. */
const live = Context.get(DefaultServices.liveServices, Clock.Clock)

/** True if the clock tells real time. */
export const isLive = (clock: Clock.Clock): boolean => clock === live
