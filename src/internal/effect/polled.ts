/** Distinguishes the clock of real time from other clocks, such as `TestClock`. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"

/** The clock of a program that provides no other one. */
const live = Context.get(DefaultServices.liveServices, Clock.Clock)

/** True if the clock is that of real time. */
export const isLive = (clock: Clock.Clock): boolean => clock === live
