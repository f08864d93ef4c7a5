/**
 * The file format of cassettes: JSON that is stable and readable in a diff.
 *
 * Bytes are text if they are valid UTF-8 without control characters except tab, CR and LF. Several
 * lines are a list of texts. All other bytes are base64. Keys are written in a fixed order.
 */
import * as Either from "effect/Either"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import type { DuplexInfo } from "../../Transport.ts"
import { utf8Of } from "./codings.ts"
import { type Cassette, CassetteError, type Connection, type Event, type Opening } from "./model.ts"

type Json = { readonly [key: string]: unknown }

// oxlint-disable-next-line no-control-regex
const controls = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/

const bytesToJson = (bytes: Uint8Array): Json => {
  const text = utf8Of(bytes)
  if (text === undefined || controls.test(text)) return { base64: Buffer.from(bytes).toString("base64") }
  const lines = text.match(/[^\n]*\n|[^\n]+$/g) ?? []
  return { text: lines.length === 1 ? lines[0] : lines }
}

const infoToJson = ({ localAddress, localPort, remoteAddress, remotePort, timings, tls }: DuplexInfo): Json => ({
  localAddress,
  localPort,
  remoteAddress,
  remotePort,
  tls: tls
    && { version: tls.version, cipher: tls.cipher, alpn: tls.alpn, verified: tls.verified, resumed: tls.resumed },
  timings: { dns: timings.dns, connect: timings.connect, tls: timings.tls }
})

const openingToJson = (opening: Opening): Json => {
  switch (opening._tag) {
    case "Opened":
      return { at: opening.at, info: infoToJson(opening.info) }
    case "Refused":
      return { at: opening.at, error: opening.refusal.error, fields: opening.refusal.fields }
    case "Unfinished":
      return { unfinished: true }
  }
}

const eventToJson = (event: Event): Json => {
  const { at } = event
  switch (event._tag) {
    case "Bytes":
      return { at, from: event.from, ...bytesToJson(event.bytes) }
    case "End":
      return { at, end: event.from, proven: event.proven }
    case "Fault":
      return { at, fault: event.code }
    case "Secure":
      return { at, secure: event.serverName, result: openingToJson(event.result) }
    case "Close":
      return { at, close: true }
  }
}

/** Returns the text of a file. */
export const toJson = (cassette: Cassette): string =>
  `${
    JSON.stringify(
      {
        version: cassette.version,
        recordedAt: new Date(cassette.recordedAt).toISOString(),
        connections: cassette.connections.map(({ at, endpoint, events, opening }) => ({
          endpoint: {
            host: endpoint.host,
            port: endpoint.port,
            socketPath: endpoint.socketPath,
            tls: endpoint.tls
          },
          at,
          opening: openingToJson(opening),
          events: events.map(eventToJson)
        }))
      },
      undefined,
      2
    )
  }\n`

const makeSchema = () => {
  const time = Schema.NonNegative
  const optionalText = Schema.optional(Schema.String)
  const optionalTime = Schema.optional(Schema.NonNegative)
  const side = Schema.Literal("Client", "Server")
  const info = Schema.Struct({
    localAddress: optionalText,
    localPort: Schema.optional(Schema.Int),
    remoteAddress: optionalText,
    remotePort: Schema.optional(Schema.Int),
    tls: Schema.optional(Schema.Struct({
      version: Schema.String,
      cipher: Schema.String,
      alpn: optionalText,
      verified: Schema.Boolean,
      resumed: Schema.Boolean
    })),
    timings: Schema.Struct({ dns: optionalTime, connect: optionalTime, tls: optionalTime })
  })
  const error = Schema.Literal("DnsError", "AddressRefused", "ConnectError", "TlsError", "HttpTimeout")
  const opening = Schema.Union(
    Schema.Struct({ at: time, info }),
    Schema.Struct({ at: time, error, fields: Schema.Record({ key: Schema.String, value: Schema.Unknown }) }),
    Schema.Struct({ unfinished: Schema.Literal(true) })
  )
  const event = Schema.Union(
    Schema.Struct({ at: time, from: side, text: Schema.Union(Schema.String, Schema.Array(Schema.String)) }),
    Schema.Struct({ at: time, from: side, base64: Schema.Uint8ArrayFromBase64 }),
    Schema.Struct({ at: time, end: side, proven: Schema.optional(Schema.Boolean) }),
    Schema.Struct({ at: time, fault: Schema.String }),
    Schema.Struct({ at: time, secure: Schema.String, result: opening }),
    Schema.Struct({ at: time, close: Schema.Literal(true) })
  )
  const connection = Schema.Struct({
    endpoint: Schema.Struct({ host: Schema.String, port: Schema.Int, socketPath: optionalText, tls: Schema.Boolean }),
    at: time,
    opening,
    events: Schema.Array(event)
  })
  const version = Schema.Struct({ version: Schema.Int })
  const cassette = Schema.Struct({
    version: Schema.Literal(1),
    recordedAt: Schema.Date.pipe(Schema.validDate()),
    connections: Schema.Array(connection)
  })
  return { version: Schema.decodeUnknownEither(version), cassette: Schema.decodeUnknownEither(cassette) }
}

/** Created when the first cassette is read, so that it costs nothing before. */
let schema: ReturnType<typeof makeSchema> | undefined

type Decoded = Extract<ReturnType<ReturnType<typeof makeSchema>["cassette"]>, { readonly _tag: "Right" }>["right"]
type DecodedConnection = Decoded["connections"][number]
type DecodedOpening = DecodedConnection["opening"]
type DecodedInfo = Extract<DecodedOpening, { readonly info: unknown }>["info"]

const infoOf = ({ localAddress, localPort, remoteAddress, remotePort, timings, tls }: DecodedInfo): DuplexInfo => ({
  localAddress,
  localPort,
  remoteAddress,
  remotePort,
  tls: tls && { ...tls, alpn: tls.alpn },
  timings: { dns: timings.dns, connect: timings.connect, tls: timings.tls }
})

const openingOf = (opening: DecodedOpening): Opening => {
  if ("info" in opening) return { _tag: "Opened", at: opening.at, info: infoOf(opening.info) }
  if (!("error" in opening)) return { _tag: "Unfinished" }
  return { _tag: "Refused", at: opening.at, refusal: { error: opening.error, fields: opening.fields } }
}

const eventOf = (event: DecodedConnection["events"][number]): Event => {
  const { at } = event
  if ("text" in event) {
    const { from, text } = event
    const whole = typeof text === "string" ? text : text.join("")
    return { _tag: "Bytes", at, from, bytes: new TextEncoder().encode(whole) }
  }
  if ("base64" in event) return { _tag: "Bytes", at, from: event.from, bytes: event.base64 }
  if ("end" in event) return { _tag: "End", at, from: event.end, proven: event.proven }
  if ("fault" in event) return { _tag: "Fault", at, code: event.fault }
  if ("secure" in event) return { _tag: "Secure", at, serverName: event.secure, result: openingOf(event.result) }
  return { _tag: "Close", at }
}

const connectionOf = ({ at, endpoint, events, opening }: DecodedConnection): Connection => ({
  endpoint: { host: endpoint.host, port: endpoint.port, socketPath: endpoint.socketPath, tls: endpoint.tls },
  at,
  opening: openingOf(opening),
  events: events.map(eventOf)
})

/** Formats a path as in JavaScript: `connections[2].at`. */
const positionOf = (path: ReadonlyArray<PropertyKey>): string | undefined =>
  path.length === 0
    ? undefined
    : path.map((key) => typeof key === "number" ? `[${key}]` : `.${String(key)}`).join("").replace(/^\./, "")

const malformed = (file: string | undefined, position: string | undefined, detail: string, cause: unknown) =>
  new CassetteError({ reason: "Malformed", file, position, detail, cause })

const invalid = (file: string | undefined, error: ParseResult.ParseError): CassetteError => {
  const issues = ParseResult.ArrayFormatter.formatErrorSync(error)
  // Each alternative that does not fit has issues. A key of another alternative is missing, so
  // other issues say more, and the deepest of them says most.
  const present = issues.filter(({ message }) => message !== "is missing")
  const [issue] = (present.length > 0 ? present : issues).toSorted((a, b) => b.path.length - a.path.length)
  return malformed(
    file,
    positionOf(issue?.path ?? []),
    `${issue?.message ?? "it is no cassette"}. Record it again.`,
    error
  )
}

/** Parses the text of a file. */
export const fromJson = (text: string, file: string | undefined): Either.Either<Cassette, CassetteError> => {
  schema ??= makeSchema()
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    // The error's own message may show content.
    return Either.left(
      malformed(file, undefined, "It is not JSON, perhaps because it was cut. Record it again.", cause)
    )
  }
  const version = schema.version(json)
  if (Either.isRight(version) && version.right.version > 1) {
    return Either.left(
      new CassetteError({
        reason: "NewerVersion",
        file,
        position: "version",
        detail: `It has version ${version.right.version} of the format, and this version of effect-http-client reads `
          + "version 1. Update effect-http-client, or record it again."
      })
    )
  }
  return Either.mapBoth(schema.cassette(json), {
    onLeft: (error) => invalid(file, error),
    onRight: ({ connections, recordedAt, version }): Cassette => ({
      version,
      recordedAt: recordedAt.getTime(),
      connections: connections.map(connectionOf)
    })
  })
}
