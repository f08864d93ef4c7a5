/**
 * Certificates that are read again from their files when a signal arrives, as many servers do on
 * SIGHUP. Requests continue in the meantime. The next connection has the new options, and older
 * ones are closed as soon as they are idle.
 */
import { ConnectionPool, HttpRequest, NodeTransport } from "effect-http-client"
import type { Tls } from "effect-http-client"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { readFile } from "node:fs/promises"

class Unreadable extends Data.TaggedError("Unreadable")<{ readonly path: string; readonly cause: unknown }> {}

const read = (path: string) =>
  Effect.tryPromise({ try: () => readFile(path, "utf8"), catch: (cause) => new Unreadable({ path, cause }) })

/** The paths of PEM files. */
interface Files {
  readonly ca: string
}

/** One element for each signal. */
const signals = (name: NodeJS.Signals) =>
  Stream.async<void>((emit) => {
    const listener = () => void emit.single(undefined)
    process.on(name, listener)
    return Effect.sync(() => process.off(name, listener))
  })

/** TLS options from the files, as they were when the last signal arrived. */
const reloaded = (files: Files, signal: NodeJS.Signals) =>
  Effect.gen(function*() {
    const options = Effect.map(read(files.ca), (ca): Tls.Options => ({ ca }))
    const current = yield* SubscriptionRef.make(yield* options)
    const reload = Effect.flatMap(options, (next) => SubscriptionRef.set(current, next)).pipe(
      // If the files cannot be read, the options stay.
      Effect.catchAll((error) => Effect.logWarning("The certificates were not read again", error))
    )
    yield* Effect.forkScoped(Stream.runForEach(signals(signal), () => reload))
    return current
  })

export const program = (url: string, files: Files, replaced: Effect.Effect<void>) =>
  Effect.gen(function*() {
    const tls = yield* reloaded(files, "SIGHUP")
    const pool = yield* ConnectionPool.make({ tls })
    // Without this the change would take effect with the next new connection.
    yield* Effect.forkScoped(Stream.runForEach(tls.changes, () => pool.closeIdle))
    const status = Effect.flatMap(
      pool.execute(HttpRequest.get(url)),
      (response) => Effect.as(response.text, response.status)
    )

    const before = yield* status
    const old = yield* tls
    // Here the operator replaces the files, and sends the signal.
    yield* replaced
    yield* Effect.repeat(Effect.zipRight(Effect.sleep("10 millis"), tls), { until: (options) => options !== old })
    const after = yield* Effect.all(Array.from({ length: 10 }, () => status), { concurrency: 5 })
    return { before, after: [...new Set(after)] }
  }).pipe(Effect.scoped, Effect.provide(NodeTransport.layer))
