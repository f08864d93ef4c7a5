/**
 * A scripted transport whose names have addresses: it asks an endpoint's `addressing` as the one over sockets does, without happy
 * eyeballs, and opens the next connection of its script on the first address that is not refused.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import type { InvalidOption } from "../../src/HttpError.ts"
import { ConnectError, DnsError } from "../../src/HttpError.ts"
import * as T from "../../src/TestTransport.ts"
import * as Transport from "../../src/Transport.ts"
import { ok } from "../connection/harness.ts"

export interface Names {
  /** The answer of the resolver that the transport has of its own. */
  answer: Transport.Addresses
  /** The addresses that refuse connections. */
  readonly refused: Set<string>
  /** The addresses in the order in which they were tried, one list for each opening. */
  readonly tried: Array<ReadonlyArray<string>>
  /** The address of each connection that was opened. */
  readonly opened: Array<string>
}

const refusal = (attempts: ReadonlyArray<string>, port: number): ConnectError =>
  new ConnectError({
    reason: "Refused",
    code: "ECONNREFUSED",
    target: `a.test:${port}`,
    attempts: attempts.map((address) => ({ address, port, code: "ECONNREFUSED" })),
    cause: undefined
  })

const lookedUp = (endpoint: Transport.Endpoint, names: Names): Effect.Effect<Transport.Addresses, DnsError> => {
  const resolve = endpoint.addressing?.resolve
  return resolve === undefined ? Effect.succeed(names.answer) : Effect.async((resume) => {
    const stop = resolve(
      endpoint.host,
      (answer) => resume(answer instanceof DnsError ? Effect.fail(answer) : Effect.succeed(answer)),
      (defect) => resume(Effect.die(defect))
    )
    return Effect.sync(stop)
  })
}

export const addressed = (inner: T.Handle, names: Names): Transport.Service => ({
  loop: inner.loop,
  secure: (duplex, serverName, tls, millis) => inner.secure(duplex, serverName, tls, millis),
  open: (endpoint, timeouts) =>
    Effect.gen(function*() {
      const answer = yield* lookedUp(endpoint, names)
      const order = endpoint.addressing?.order?.(answer) ?? answer.addresses
      const found = order.findIndex((address) => !names.refused.has(address))
      names.tried.push(order)
      for (const address of found === -1 ? order : order.slice(0, found)) endpoint.addressing?.failed?.(address)
      const address = order[found]
      if (address === undefined) return yield* refusal(order, endpoint.port)
      names.opened.push(address)
      // A script says what it is connected to.
      return yield* inner.open({ ...endpoint, host: address }, timeouts)
    })
})

/** A pool over a script behind such a transport. Where a test expects no failure the pool tries again, as by default. */
export const addressedPool = (
  addresses: ReadonlyArray<string>,
  script: T.Script,
  options: ConnectionPool.Options = {}
): Effect.Effect<
  { readonly pool: ConnectionPool.ConnectionPool; readonly names: Names; readonly transport: T.Handle },
  InvalidOption,
  Scope.Scope
> =>
  Effect.gen(function*() {
    const transport = yield* T.make(script)
    const names: Names = { answer: { addresses, ttlMillis: undefined }, refused: new Set(), tried: [], opened: [] }
    const pool = yield* Effect.provideService(
      ConnectionPool.make({ shutdownGrace: 0, connectRetryTime: 0, connectBackoff: 0, ...options }),
      Transport.Transport,
      addressed(transport, names)
    )
    return { pool, names, transport }
  })

/** A connection that answers so many requests, each after a second if it is slow. */
export const answering = (count: number, delay?: "1 second"): T.Connection =>
  T.connection(
    ...Array.from({ length: count }, () => [
      T.discardUntil("\r\n\r\n"),
      ...(delay === undefined ? [] : [T.delay(delay)]),
      T.reply(ok("x"))
    ]).flat()
  )
