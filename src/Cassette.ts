/**
 * Cassettes: the recorded exchanges of a program with servers, which can be played again. A test
 * then needs neither a server nor a mock of the client.
 *
 * A cassette is recorded below HTTP and above TLS: the bytes of both directions, how they were
 * split, and when they were sent and received. It also contains failed openings, ends and resets.
 * So everything above takes part in the test: the parser, the pool, retries, redirects, cookies,
 * decompression, proxies. Cassettes of https are readable, and are played without certificates.
 *
 * **Secrets** never reach the file. The values of fields such as Authorization and Cookie are
 * replaced by `<redacted>`. So are parameters of URLs, fields of forms and members of JSON with
 * names such as `access_token`. See `Redact`.
 *
 * **Playing** compares each request with the recorded one: method, target, fields and body. It does
 * not compare byte by byte, so the order of fields and the version of the client do not matter.
 * Times run on the `Clock`: with `TestClock` a test never waits and is the same in every run.
 *
 * @example
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Cassette, ConnectionPool, HttpRequest, NodeTransport } from "effect-http-client"
 *
 * const program = Effect.gen(function*() {
 *   const pool = yield* ConnectionPool.make()
 *   const response = yield* pool.execute(HttpRequest.get("http://localhost:8080/greeting"))
 *   return yield* response.text
 * }).pipe(Effect.scoped)
 *
 * // Records where there is no such file, and plays it afterwards.
 * export const test = program.pipe(
 *   Effect.provide(
 *     Cassette.layer("test/cassettes/greeting.json", { times: false }).pipe(
 *       Layer.provide(NodeTransport.layer)
 *     )
 *   )
 * )
 * ```
 *
 * @since 0.2.0
 */
import * as PlatformHeaders from "@effect/platform/Headers"
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { InvalidOption } from "./HttpError.ts"
import * as HttpFields from "./HttpFields.ts"
import type * as compare from "./internal/cassette/compare.ts"
import * as file from "./internal/cassette/file.ts"
import * as har from "./internal/cassette/har.ts"
import type * as harModel from "./internal/cassette/harModel.ts"
import * as layers from "./internal/cassette/layers.ts"
import type * as model from "./internal/cassette/model.ts"
import type * as options from "./internal/cassette/options.ts"
import type * as secrets from "./internal/cassette/secrets.ts"
import type * as Transport from "./Transport.ts"

export {
  /**
   * A cassette could not be made, read or written. `reason` says which, `file` and `position`
   * where, and the message what to do.
   *
   * @since 0.2.0
   * @category errors
   */
  CassetteError,
  /**
   * A program deviated from the recording. `problems` has one text for each deviation, with the
   * nearest recorded request and how it differs. It is the `cause` of the `ConnectError`,
   * `TlsError` or `ReadError` that the request fails with.
   *
   * @since 0.2.0
   * @category errors
   */
  CassetteMismatch
} from "./internal/cassette/model.ts"

/**
 * A recording as plain data: connections in the order in which they were opened, each with its
 * events. All times are milliseconds since `recordedAt`. Contains no secrets.
 *
 * @since 0.2.0
 * @category models
 */
export interface Cassette extends model.Cassette {}

/**
 * The message that a body belongs to, for `Redact.replace`.
 *
 * @since 0.2.0
 * @category models
 */
export interface BodyFacts extends secrets.BodyFacts {}

/**
 * What is redacted before a cassette is made. The options can only add to the default.
 *
 * Always redacted:
 *
 * - the values of `HttpFields.redactedNames` and `Headers.currentRedactedNames`
 * - the values of fields whose name ends with `token`, `secret`, `password`, `api-key`,
 *   `access-key` or `subscription-key`
 * - user information in URLs, and the credentials of SOCKS
 * - values with one of the names below in a query, a form or JSON
 *
 * Not redacted: the scheme of credentials, the names of cookies, the attributes of Set-Cookie, and
 * challenges (WWW-Authenticate).
 *
 * A redacted body gets another Content-Length, or other chunk sizes, so that the messages stay
 * valid. Bodies with gzip, deflate or br are decoded for that, and encoded again. A body counts as
 * JSON if its type contains `json`. With `text/plain` or without a type it counts if it begins like
 * JSON. URLs inside JSON texts are redacted, and one level of JSON inside JSON texts. Other bodies,
 * such as `multipart/form-data`, and those with another coding are only passed to `replace`.
 *
 * Names, in any case, and with and without `-` and `_`:
 *
 * - `access_token`, `auth_token`, `id_token`, `refresh_token`, `session_token`, `token`
 * - `passphrase`, `passwd`, `password`
 * - `api_key`, `client_secret`, `private_key`, `secret`, `secret_access_key`
 * - `assertion`, `client_assertion`, `code_verifier`, `sig`, `signature`
 * - `AWSAccessKeyId`, and the names of presigned URLs of Amazon and Google
 *
 * @since 0.2.0
 * @category models
 */
export interface Redact extends secrets.Redact {
  /** More fields. Strings match in any case; expressions are tested on the lower-cased name. */
  readonly fields?: ReadonlyArray<string | RegExp> | undefined
  /** More names of parameters in queries and forms, and of members in JSON. */
  readonly names?: ReadonlyArray<string | RegExp> | undefined
  /**
   * Returns the body without its secrets; its length may differ. Called with each decoded body
   * after it has been redacted by name, and with each piece of bytes after an upgrade. If it throws
   * or does not return a `Uint8Array`, the bytes become asterisks. So do bytes that the client sent
   * after an upgrade if their length would change.
   */
  readonly replace?: ((body: Uint8Array, about: BodyFacts) => Uint8Array) | undefined
}

/**
 * Options of a recording.
 *
 * @since 0.2.0
 * @category models
 */
export interface RecordOptions extends options.RecordOptions {
  /** More to redact. Default: only what is always redacted. */
  readonly redact?: Redact | undefined
  /**
   * The bytes of both directions that are kept in memory until the cassette is made. If more are
   * exchanged, the program continues, and making the cassette fails with `TooLarge`. Default: 16
   * MiB.
   */
  readonly maxBytes?: number | undefined
}

/**
 * Options of playing.
 *
 * @since 0.2.0
 * @category models
 */
export interface PlayOptions extends options.PlayOptions, compare.Compare {
  /**
   * The `redact` of the recording, so that requests are compared without the same secrets.
   */
  readonly redact?: Redact | undefined
  /**
   * `connection`: the n-th connection to an endpoint gets what the n-th recorded one got, request
   * by request. `request`: each request gets the first recorded response to an equal request that
   * was not played yet, on any connection. Use `request` for programs whose requests run
   * concurrently. Default: `connection`.
   */
  readonly match?: "connection" | "request" | undefined
  /**
   * True if everything takes as long as it did in the recording, on the `Clock`. Under `TestClock`
   * the test must then adjust the clock. False to play without delays. Default: `true`.
   */
  readonly times?: boolean | undefined
  /**
   * More fields that may differ. Default: none. Never compared are fields that are new in each
   * request, or that the client chooses:
   *
   * - Date, Idempotency-Key and request ids
   * - `traceparent`, `b3` and other tracing fields
   * - User-Agent, Accept-Encoding, Connection, TE, Expect and the framing
   */
  readonly ignoreFields?: ReadonlyArray<string | RegExp> | undefined
  /**
   * False to ignore bodies of requests. A function receives the recorded body and the one that was
   * sent, both redacted, and returns true if they count as equal. Default: `true`, byte by byte.
   */
  readonly body?: boolean | ((recorded: Uint8Array, sent: Uint8Array) => boolean) | undefined
}

/**
 * Options of `layer`.
 *
 * @since 0.2.0
 * @category models
 */
export interface Options extends RecordOptions, PlayOptions {
  readonly redact?: Redact | undefined
  /**
   * `record`: records, and replaces the file. `replay`: plays the file; without a file the layer
   * fails with `NotFound`. `auto`: plays the file if it exists or the environment variable `CI` is
   * set, and records otherwise. With `auto`, a recording whose scope ends with a failure is not
   * written. Default: `auto`.
   */
  readonly mode?: "auto" | "record" | "replay" | undefined
}

/**
 * A recording.
 *
 * @since 0.2.0
 * @category models
 */
export interface Recording {
  /** The given transport, whose traffic is recorded. */
  readonly transport: Transport.Service
  /** Returns the recording so far. Fails with `TooLarge`. */
  readonly cassette: Effect.Effect<Cassette, model.CassetteError>
}

/**
 * A transport that plays a cassette.
 *
 * @since 0.2.0
 * @category models
 */
export interface Player extends Transport.Service {
  /** Fails if the program deviated from the cassette, or if requests were not played. */
  readonly verify: Effect.Effect<void, model.CassetteMismatch>
}

const redactedNames: Effect.Effect<ReadonlyArray<string | RegExp>> = Effect.map(
  FiberRef.get(PlatformHeaders.currentRedactedNames),
  (names) => [...HttpFields.redactedNames, ...names]
)

/**
 * Records the traffic on the channels of a transport. Fails with `InvalidOption`.
 *
 * Redaction happens when the cassette is made: the memory of this process holds the bytes until
 * then.
 *
 * @example
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Cassette, ConnectionPool, HttpRequest, NodeTransport, Transport } from "effect-http-client"
 *
 * export const program = Effect.gen(function*() {
 *   const recording = yield* Cassette.record(NodeTransport.transport)
 *   yield* Effect.gen(function*() {
 *     const pool = yield* ConnectionPool.make()
 *     const response = yield* pool.execute(HttpRequest.get("http://localhost:8080/"))
 *     yield* response.text
 *   }).pipe(
 *     Effect.scoped,
 *     Effect.provide(Layer.succeed(Transport.Transport, recording.transport))
 *   )
 *   yield* Cassette.write("greeting.json", yield* recording.cassette)
 * })
 * ```
 *
 * @since 0.2.0
 * @category constructors
 */
export const record = (
  transport: Transport.Service,
  options?: RecordOptions
): Effect.Effect<Recording, InvalidOption> => layers.record(redactedNames, transport, options)

/**
 * Creates a transport that plays a cassette. It opens no connections. Closing the scope closes its
 * channels. Fails with `InvalidOption`.
 *
 * A request that matches no recorded one fails with a `ReadError`, and a connection that was not
 * recorded with a `ConnectError`. The code of both is `ERR_CASSETTE`, and their `cause` a
 * `CassetteMismatch`. Bytes after an upgrade are counted but not compared.
 *
 * @since 0.2.0
 * @category constructors
 */
export const play = (
  cassette: Cassette,
  options?: PlayOptions
): Effect.Effect<Player, InvalidOption, Scope.Scope> => layers.play(redactedNames, cassette, options)

/**
 * Reads a file. Fails with `NotFound`, `NotReadable`, `Malformed`, or `NewerVersion` if a later
 * version of this library wrote it.
 *
 * @since 0.2.0
 * @category files
 */
export const read: (file: string) => Effect.Effect<Cassette, model.CassetteError> = file.read

/**
 * Writes a file atomically, and creates its folder if needed. Fails with `NotWritable`. The file is
 * JSON that is meant to be read and to be kept in version control.
 *
 * @since 0.2.0
 * @category files
 */
export const write: (file: string, cassette: Cassette) => Effect.Effect<void, model.CassetteError> = file.write

/**
 * A document of HAR 1.2.
 *
 * @since 0.2.0
 * @category models
 */
export interface Har extends harModel.Har {}

/**
 * A request and its response in a document of HAR 1.2.
 *
 * @since 0.2.0
 * @category models
 */
export interface HarEntry extends harModel.HarEntry {}

/**
 * Converts a cassette to HAR 1.2, which browsers and many tools can show. `JSON.stringify` of it is
 * a file.
 *
 * There is one entry for each request whose head was sent, in the order in which they began. One
 * without a response has the status 0, as in browsers. Openings that failed, tunnels and bytes
 * after an upgrade have no entry. The first entry of a connection has the times of its opening, a
 * tunnel included. Bodies are without chunks and content codings, as text by their type and
 * charset, otherwise base64. Secrets are redacted, because the cassette contains none.
 *
 * @since 0.2.0
 * @category conversions
 */
export const toHar: (cassette: Cassette) => Har = har.toHar

/**
 * Records the traffic of the transport below, and writes the file when the scope of the layer ends,
 * whatever its exit. Closing the scope dies with a `CassetteError` if the file cannot be written or
 * is too large.
 *
 * @since 0.2.0
 * @category layers
 */
export const layerRecord = (
  file: string,
  options?: RecordOptions
): Layer.Layer<Transport.Transport, InvalidOption, Transport.Transport> =>
  layers.layerRecord(redactedNames, file, options)

/**
 * Plays a file. Closing the scope dies with a `CassetteMismatch` if the program deviated from it.
 * Unplayed requests are allowed: for `verify`, use `read` and `play`.
 *
 * @since 0.2.0
 * @category layers
 */
export const layerPlay = (
  file: string,
  options?: PlayOptions
): Layer.Layer<Transport.Transport, model.CassetteError | InvalidOption> =>
  layers.layerPlay(redactedNames, file, options)

/**
 * Records or plays, by `mode`: `layerRecord` over the transport below, or `layerPlay` without using
 * it.
 *
 * @since 0.2.0
 * @category layers
 */
export const layer = (
  file: string,
  options?: Options
): Layer.Layer<Transport.Transport, model.CassetteError | InvalidOption, Transport.Transport> =>
  layers.layer(redactedNames, file, options)
