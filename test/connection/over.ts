/** What the tests of the step-by-step face share: a connection over a script, and the bytes that many of them expect. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as HttpConnection from "../../src/HttpConnection.ts"
import type { InvalidRequest } from "../../src/HttpError.ts"
import * as T from "../../src/TestTransport.ts"
import * as Transport from "../../src/Transport.ts"

/** A connection to `a.test` over this script, which must have been played to its end when `use` is done. */
export const over = <A, E>(
  script: T.Script,
  use: (connection: HttpConnection.HttpConnection, transport: T.Handle) => Effect.Effect<A, E, Scope.Scope>,
  options: Partial<HttpConnection.Options> = {}
): Effect.Effect<A, E | InvalidRequest | T.ScriptError> =>
  Effect.scoped(Effect.gen(function*() {
    const transport = yield* T.make(script)
    const connection = yield* HttpConnection.make({ host: "a.test", ...options }).pipe(
      Effect.provideService(Transport.Transport, transport)
    )
    const result = yield* use(connection, transport)
    yield* transport.verify
    return result
  }))

/** Lines as they stand on the wire. */
export const head = (...lines: ReadonlyArray<string>): string => `${lines.join("\r\n")}\r\n\r\n`

/** The head that `putRequest` and `endHeaders` send, with these fields. */
export const asked = (requestLine: string, ...fields: ReadonlyArray<string>): string =>
  head(`${requestLine} HTTP/1.1`, "Host: a.test", "Accept-Encoding: identity", ...fields)

/** A whole response. */
export const ok = (body = "", ...fields: ReadonlyArray<string>): string =>
  head("HTTP/1.1 200 OK", ...fields, `Content-Length: ${body.length}`) + body

/** A script of one connection. */
export const one = (...steps: ReadonlyArray<T.Step>): T.Script => [T.connection(...steps)]

export const latin1 = (text: string): Uint8Array => Buffer.from(text, "latin1")

/** Lets everything happen that needs no clock: all microtasks run before a macrotask does. */
export const settled: Effect.Effect<void> = Effect.async<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})
