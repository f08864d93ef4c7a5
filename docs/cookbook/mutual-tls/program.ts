/**
 * A client with a certificate that is replaced while requests go on: the files are read again when
 * they change or when a signal arrives, and connections with the old certificate are drained.
 */
import { ConnectionPool } from "effect-http-client"
import type { Tls } from "effect-http-client"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { createPrivateKey, X509Certificate } from "node:crypto"
import { watch } from "node:fs"
import { readFile } from "node:fs/promises"
import { dirname } from "node:path"

/** The paths of PEM files, as a secret of Kubernetes or an agent of Vault writes them. */
export interface Files {
  /** The authorities to trust. The file may have several certificates. */
  readonly ca: string
  /** The certificate of this client, and those of the authorities between it and the root. */
  readonly cert: string
  readonly key: string
}

/** A file cannot be read, or the files do not belong together. */
export class BadCertificates extends Data.TaggedError("BadCertificates")<{
  readonly message: string
  readonly cause?: unknown
}> {}

const read = (path: string) =>
  Effect.tryPromise({
    try: () => readFile(path, "utf8"),
    catch: (cause) => new BadCertificates({ message: `${path} cannot be read`, cause })
  })

/** The options of the files. Fails if the key is not that of the certificate: half of a change. */
const load = ({ ca, cert, key }: Files, pins: ReadonlyArray<string> | undefined) =>
  Effect.gen(function*() {
    const options = { ca: yield* read(ca), cert: yield* read(cert), key: yield* read(key), pins }
    const belong = yield* Effect.try({
      try: () => new X509Certificate(options.cert).checkPrivateKey(createPrivateKey(options.key)),
      catch: (cause) => new BadCertificates({ message: `${cert} or ${key} is not PEM`, cause })
    })
    return belong ? options : yield* new BadCertificates({ message: `${key} is not the key of ${cert}` })
  })

/** One element for each signal. */
export const signals = (name: NodeJS.Signals): Stream.Stream<void> =>
  Stream.async((emit) => {
    const listener = () => void emit.single(undefined)
    process.on(name, listener)
    return Effect.sync(() => process.off(name, listener))
  })

/** One element for each change in the directories of the files, once they are quiet for 200 ms. */
export const changesOf = ({ ca, cert, key }: Files): Stream.Stream<void> =>
  Stream.async<void>((emit) => {
    // A change renames a file or a link into place. Only a watcher of the directory sees that.
    const directories = new Set([ca, cert, key].map((path) => dirname(path)))
    const watchers = [...directories].map((directory) => watch(directory, () => void emit.single(undefined)))
    return Effect.sync(() => {
      for (const watcher of watchers) watcher.close()
    })
  }).pipe(Stream.debounce("200 millis"))

export interface Options {
  readonly files: Files
  /** When to read the files again: `signals("SIGHUP")`, `changesOf(files)`, or both merged. */
  readonly reloads: Stream.Stream<void>
  /** Keys of which the server must prove one, besides having a valid certificate. */
  readonly pins?: ReadonlyArray<string> | undefined
  /** After how many requests a connection is replaced that is never idle. */
  readonly requestsPerConnection?: number | undefined
}

/** A pool whose new connections have what the files had at the last reload. */
export const makePool = ({ files, pins, reloads, requestsPerConnection = 1000 }: Options) =>
  Effect.gen(function*() {
    // Files that are unusable at the start fail the program. Later ones replace nothing.
    const tls = yield* SubscriptionRef.make<Tls.Options & { readonly cert: string }>(yield* load(files, pins))
    const pool = yield* ConnectionPool.make({ tls, requestsPerConnection })
    const reload = Effect.gen(function*() {
      const next = yield* load(files, pins)
      yield* SubscriptionRef.set(tls, next)
      // Without this the change would wait until the pool needs one more connection.
      yield* pool.closeIdle
      const { validTo } = new X509Certificate(next.cert)
      yield* Effect.annotateLogs(Effect.logInfo("the certificates were read"), { validTo })
    }).pipe(Effect.catchTag("BadCertificates", (error) => Effect.logError("the old certificates stay", error)))
    yield* Effect.forkScoped(Stream.runForEach(reloads, () => reload))
    return { pool, tls }
  })

/** The pool as a layer, for the services of a program. */
export const layer = (options: Options) =>
  Layer.scoped(ConnectionPool.ConnectionPool, Effect.map(makePool(options), ({ pool }) => pool))
