/**
 * The content of a cassette: connections with all bytes that passed over them, as plain data.
 *
 * All times are milliseconds since `recordedAt`.
 */
import * as Data from "effect/Data"
import type { DuplexInfo } from "../../Transport.ts"

/** Documented in `Cassette`. */
export interface Cassette {
  /** The version of the format. */
  readonly version: 1
  /** When the recording began, in milliseconds since 1970 by the `Clock`. */
  readonly recordedAt: number
  /** In the order in which they were opened. */
  readonly connections: ReadonlyArray<Connection>
}

/** The endpoint of a connection: the parts that are compared when a cassette is played. */
export interface Endpoint {
  readonly host: string
  readonly port: number
  readonly socketPath: string | undefined
  /** True for TLS from the first byte. */
  readonly tls: boolean
}

/** The reason why a channel could not be opened, or TLS not be started: the error's fields. */
export interface Refusal {
  readonly error: "DnsError" | "AddressRefused" | "ConnectError" | "TlsError" | "HttpTimeout"
  /** The fields of the error that are text or numbers, and lists of records of those. */
  readonly fields: Readonly<Record<string, unknown>>
}

/** The outcome of an attempt to open a channel. */
export type Opening =
  | { readonly _tag: "Opened"; readonly at: number; readonly info: DuplexInfo }
  | { readonly _tag: "Refused"; readonly at: number; readonly refusal: Refusal }
  /** The attempt was interrupted, or had not ended when the cassette was made. */
  | { readonly _tag: "Unfinished" }

/** An event on an open channel. It is above TLS: bytes are never encrypted. */
export type Event =
  | { readonly _tag: "Bytes"; readonly at: number; readonly from: "Client" | "Server"; readonly bytes: Uint8Array }
  /** The client or the server has finished sending; `proven` if TLS announced it. */
  | {
    readonly _tag: "End"
    readonly at: number
    readonly from: "Client" | "Server"
    readonly proven: boolean | undefined
  }
  /** The channel broke. */
  | { readonly _tag: "Fault"; readonly at: number; readonly code: string }
  /** The client asked for TLS inside the channel, at `at`, and this was the result. */
  | {
    readonly _tag: "Secure"
    readonly at: number
    readonly serverName: string
    readonly result: Opening
  }
  /** The client closed the channel. */
  | { readonly _tag: "Close"; readonly at: number }

export interface Connection {
  readonly endpoint: Endpoint
  /** When the attempt to open it began. */
  readonly at: number
  readonly opening: Opening
  readonly events: ReadonlyArray<Event>
}

/** The reason why a cassette could not be made, read or written. */
export type CassetteReason = "Malformed" | "NewerVersion" | "NotFound" | "NotReadable" | "NotWritable" | "TooLarge"

/** Documented in `Cassette`. */
export class CassetteError extends Data.TaggedError("CassetteError")<{
  readonly reason: CassetteReason
  /** The path of the file; `undefined` if there is none. */
  readonly file: string | undefined
  /**
   * The place in the file, such as `connections[2].events[0].at`; `undefined` for the whole file.
   */
  readonly position: string | undefined
  /** The fault, and what to do, in sentences. */
  readonly detail: string
  readonly cause?: unknown
}> {
  override get message(): string {
    const what = this.file === undefined ? "The cassette" : `The cassette ${this.file}`
    return `${what}${this.position === undefined ? "" : `, at ${this.position}`}: ${this.detail}`
  }
}

/** Documented in `Cassette`. */
export class CassetteMismatch extends Data.TaggedError("CassetteMismatch")<{
  /** One text for each deviation, in order. */
  readonly problems: ReadonlyArray<string>
}> {
  override get message(): string {
    return this.problems.join("\n\n")
  }
}
