/** A response of an exchange: its head as data, and the methods that read its body. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import { identity } from "effect/Function"
import type * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import type { BodyFailure, ConnectionInfo, Timings } from "../../HttpError.ts"
import * as HttpFields from "../../HttpFields.ts"
import type { Framing, HttpResponse, Informational } from "../../HttpResponse.ts"
import { TypeId } from "../../HttpResponse.ts"
import type { Exchange } from "../connection/exchange.ts"
import type { Tagged } from "../error/base.ts"
import type { BodyDecodeError } from "../error/body.ts"
import { InvalidOption } from "../error/request.ts"
import { LocateId } from "../locateIn.ts"
import { contentCharset } from "../model/fields.ts"
import type { ProxyStatus } from "../model/proxyStatus.ts"
import { fromFields } from "../model/proxyStatus.ts"
import { notBytes, notCount } from "../options.ts"
import type { ResponseHead } from "../protocol/head.ts"
import { urlOf } from "../protocol/target.ts"
import type { TextFailure } from "../text.ts"
import { decodeJson, decodeText } from "../text.ts"
import { linesOf } from "./lines.ts"
import { BodyReader } from "./responseBody.ts"

/** Returns the response of an exchange whose head has arrived. */
export const makeResponse = (exchange: Exchange, head: ResponseHead): HttpResponse => new Response(exchange, head)

/**
 * Returns what `bytes` yields if the body has arrived completely and no read has started.
 * Otherwise, and for a response that is not made here, it returns `undefined`. It saves the
 * platform layer the runtime's operations.
 */
export const takeWhole = (response: HttpResponse): Uint8Array | undefined => Response.whole(response)

/**
 * Runs a call if its argument is valid. The failure for an invalid one is in no type, because no
 * typed code can see it.
 */
const untypedOr = <A, E, R>(
  wrong: InvalidOption | undefined,
  call: () => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => wrong === undefined ? call() : Effect.fail(wrong as never)

/**
 * Returns the server's end of the connection. For callers that need nothing else it is cheaper than
 * `connection`, which is made for each response.
 */
export const peerOf = (response: HttpResponse): Pick<ConnectionInfo, "remoteAddress" | "remotePort"> =>
  Response.peer(response)

class Response implements HttpResponse {
  readonly [TypeId]: typeof TypeId = TypeId
  readonly #exchange: Exchange
  readonly #head: ResponseHead
  #reader: BodyReader | undefined

  constructor(exchange: Exchange, head: ResponseHead) {
    this.#exchange = exchange
    this.#head = head
  }

  get #body(): BodyReader {
    return this.#reader ??= new BodyReader(this.#exchange)
  }

  /** Used by `locateIn`. The exchange is not visible through a `Proxy`. */
  [LocateId]<E extends Tagged<string>>(error: E): E | undefined {
    return #exchange in this ? this.#exchange.withContext(error) : undefined
  }

  // Not by `instanceof`, which is also true for a `Proxy` of a response.
  static peer(response: HttpResponse): Pick<ConnectionInfo, "remoteAddress" | "remotePort"> {
    return #exchange in response ? response.#exchange.connection.duplex.info : response.connection
  }

  static whole(response: HttpResponse): Uint8Array | undefined {
    return #exchange in response ? response.#body.whole : undefined
  }

  get version(): 10 | 11 {
    return this.#head.version
  }

  get status(): number {
    return this.#head.status
  }

  get reason(): string {
    return this.#head.reason
  }

  get fields(): HttpFields.HttpFields {
    return this.#head.fields
  }

  get url(): string {
    return urlOf(this.#exchange.origin, this.#exchange.terms.target)
  }

  get framing(): Framing {
    const kind = this.#exchange.framing?.kind ?? "none"
    return kind === "tunnel" ? "none" : kind
  }

  get connection(): ConnectionInfo {
    return this.#exchange.connectionInfo
  }

  get timings(): Timings {
    return this.#exchange.timings
  }

  get resends(): number {
    return this.#exchange.terms.resends
  }

  get informational(): ReadonlyArray<Informational> {
    return this.#exchange.informational
  }

  get proxyStatus(): ReadonlyArray<ProxyStatus> {
    return fromFields(this.#head.fields)
  }

  get stream(): Stream.Stream<Uint8Array, BodyFailure> {
    return this.#body.stream
  }

  get bytes(): Effect.Effect<Uint8Array, BodyFailure> {
    return this.#body.bytes
  }

  get text(): Effect.Effect<string, BodyFailure | BodyDecodeError> {
    return this.#made((bytes) => decodeText(bytes, contentCharset(this.#head.fields)))
  }

  get json(): Effect.Effect<unknown, BodyFailure | BodyDecodeError> {
    return this.#made((bytes) => decodeJson(bytes, contentCharset(this.#head.fields), identity))
  }

  schemaJson<A, I, R>(
    schema: Schema.Schema<A, I, R>
  ): Effect.Effect<A, BodyFailure | BodyDecodeError | ParseResult.ParseError, R> {
    const wrong = Schema.isSchema(schema)
      ? undefined
      : new InvalidOption({ option: "schema", reason: "it is no schema" })
    return untypedOr(wrong, () => Effect.flatMap(this.json, Schema.decodeUnknown(schema)))
  }

  read(n = Infinity): Effect.Effect<Uint8Array, BodyFailure> {
    return untypedOr(notCount("n", n), () => this.#body.read(n))
  }

  read1(n = Infinity): Effect.Effect<Uint8Array, BodyFailure> {
    return untypedOr(notCount("n", n), () => this.#body.read1(n))
  }

  peek(n = Infinity): Effect.Effect<Uint8Array, BodyFailure> {
    return untypedOr(notCount("n", n), () => this.#body.peek(n))
  }

  readInto(buffer: Uint8Array): Effect.Effect<number, BodyFailure> {
    return untypedOr(notBytes("buffer", buffer), () => this.#body.readInto(buffer))
  }

  readLine(limit = Infinity): Effect.Effect<Uint8Array, BodyFailure> {
    return untypedOr(notCount("limit", limit), () => this.#body.readLine(limit))
  }

  get lines(): Stream.Stream<string, BodyFailure | BodyDecodeError> {
    const { fields } = this.#head
    return linesOf(this.stream, contentCharset(fields), false, (error) => this.#exchange.withContext(error))
  }

  getHeader(name: string): string | undefined
  getHeader<A>(name: string, orElse: A): string | A
  getHeader(name: string, orElse?: unknown): unknown {
    return HttpFields.getUnsafe(this.#head.fields, name) ?? orElse
  }

  get getHeaders(): ReadonlyArray<readonly [name: string, value: string]> {
    return HttpFields.entries(this.#head.fields)
  }

  get trailers(): Effect.Effect<HttpFields.HttpFields, BodyFailure> {
    return this.#body.trailers
  }

  get closed(): Effect.Effect<boolean> {
    return Effect.sync(() => this.#body.closed)
  }

  get endProven(): Effect.Effect<boolean> {
    return Effect.sync(() => {
      const { body, framing, connection } = this.#exchange
      return body.ended && (framing?.kind !== "close" || connection.duplex.endProven === true)
    })
  }

  get close(): Effect.Effect<void> {
    return Effect.sync(() => this.#body.close())
  }

  toJSON(): unknown {
    return {
      _tag: "HttpResponse",
      status: this.status,
      reason: this.reason,
      version: this.version,
      fields: this.fields.toJSON(),
      framing: this.framing,
      connection: this.connection
    }
  }

  /** Returns the whole body, converted by `f`. */
  #made<A>(f: (bytes: Uint8Array) => Either.Either<A, TextFailure>): Effect.Effect<A, BodyFailure | BodyDecodeError> {
    return Effect.suspend(() => {
      const { whole } = this.#body
      return whole === undefined
        ? Effect.flatMap(this.#body.bytes, (bytes) => this.#withContext(f(bytes)))
        : this.#withContext(f(whole))
    })
  }

  /** Returns an `Exit` and not an `Either`, which costs the runtime one operation more. */
  #withContext<A>(made: Either.Either<A, TextFailure>): Exit.Exit<A, TextFailure> {
    return Either.isRight(made) ? Exit.succeed(made.right) : Exit.fail(this.#exchange.withContext(made.left))
  }
}
