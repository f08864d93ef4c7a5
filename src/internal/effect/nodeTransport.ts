/** Creates the transport over sockets from options that no type may have checked. */
import type * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import type { Service } from "../../Transport.ts"
import { InvalidOption } from "../error/request.ts"
import * as dialer from "../node/dialer.ts"
import { notRecord } from "../options.ts"
import { readDuration } from "./duration.ts"
import { serviceOf } from "./transport.ts"

/** Documented in `NodeTransport`. */
export interface Options {
  /**
   * How long a connection is quiet before the system probes the peer (TCP keep-alive), from 1
   * second to 32767 seconds; 0 or `Infinity` for never. The system sends up to 10 probes, one each
   * second. Then the connection breaks with `ETIMEDOUT`. The probes also keep the connection known
   * to load balancers and NAT on the way. Default: 60 seconds.
   */
  readonly tcpKeepAlive?: Duration.DurationInput | undefined
  /**
   * How long to wait for one address before the next one is tried in parallel (RFC 8305 section 5),
   * from 100 milliseconds to 2 seconds. Default: 250 milliseconds.
   */
  readonly attemptDelay?: Duration.DurationInput | undefined
}

const invalid = (option: string, reason: string): Either.Either<never, InvalidOption> =>
  Either.left(new InvalidOption({ option, reason }))

export const make = (options: Options = {}): Either.Either<Service, InvalidOption> => {
  const wrong = notRecord("options", options)
  if (wrong !== undefined) return Either.left(wrong)
  const { attemptDelay = dialer.defaults.staggerMillis, tcpKeepAlive = dialer.defaults.keepAliveMillis } = options
  const keepAlive = readDuration(tcpKeepAlive)
  // The range that Linux accepts as TCP_KEEPIDLE, in whole seconds.
  if (
    keepAlive === undefined
    || (keepAlive !== 0 && keepAlive !== Infinity && !(keepAlive >= 1000 && keepAlive <= 32_767_000))
  ) {
    return invalid("tcpKeepAlive", "it must be a duration from 1 second to 32767 seconds; 0 or Infinity for none")
  }
  const delay = readDuration(attemptDelay)
  if (delay === undefined || delay < 100 || delay > 2000) {
    return invalid("attemptDelay", "it must be a duration from 100 milliseconds to 2 seconds")
  }
  return Either.right(serviceOf(dialer.makeDialer({
    ...dialer.defaults,
    staggerMillis: delay,
    keepAliveMillis: keepAlive === Infinity ? 0 : keepAlive
  })))
}
