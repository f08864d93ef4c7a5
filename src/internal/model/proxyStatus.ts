/**
 * Proxy-Status (RFC 9209): what each intermediary reports about a response that passed it.
 *
 * The field is ignored as a whole if it breaks the grammar of Structured Fields or if a member is
 * not a name. A parameter of another type than its definition says is ignored alone.
 */
import * as Either from "effect/Either"
import * as HttpFields from "../../HttpFields.ts"
import type { Item, Parameters } from "../syntax/structuredFields.ts"
import { parseList } from "../syntax/structuredFields.ts"
import type { BareItem } from "../syntax/structuredItems.ts"

/** The error types of RFC 9209 section 2.3. */
export type ErrorType =
  | "dns_timeout"
  | "dns_error"
  | "destination_not_found"
  | "destination_unavailable"
  | "destination_ip_prohibited"
  | "destination_ip_unroutable"
  | "connection_refused"
  | "connection_terminated"
  | "connection_timeout"
  | "connection_read_timeout"
  | "connection_write_timeout"
  | "connection_limit_reached"
  | "tls_protocol_error"
  | "tls_certificate_error"
  | "tls_alert_received"
  | "http_request_error"
  | "http_request_denied"
  | "http_response_incomplete"
  | "http_response_header_section_size"
  | "http_response_header_size"
  | "http_response_body_size"
  | "http_response_trailer_section_size"
  | "http_response_trailer_size"
  | "http_response_transfer_coding"
  | "http_response_content_coding"
  | "http_response_timeout"
  | "http_upgrade_failed"
  | "http_protocol_error"
  | "proxy_internal_response"
  | "proxy_internal_error"
  | "proxy_configuration_error"
  | "proxy_loop_detected"

/** The report of one intermediary. All texts are the intermediary's and are not escaped. */
export interface ProxyStatus {
  /** The name by which the intermediary calls itself: a host name, a product, an alias. */
  readonly proxy: string
  /**
   * Why the intermediary could not forward the request or its response; `undefined` if nothing
   * failed there. A type that is not in `ErrorType` is an extension.
   */
  readonly error: ErrorType | (string & {}) | undefined
  /** The server or intermediary that it chose for the request: a name, an address, an alias. */
  readonly nextHop: string | undefined
  /** The ALPN identifier of the protocol that it spoke with the next hop, such as `h2`. */
  readonly nextProtocol: string | undefined
  /** The status of the response that it received from the next hop. */
  readonly receivedStatus: number | undefined
  /**
   * Further details, in the intermediary's words. May contain text that only its operator should
   * read.
   */
  readonly details: string | undefined
  /** Of a `dns_error`: the DNS response code, such as `NXDOMAIN`. */
  readonly rcode: string | undefined
  /** Of a `dns_error`: the Extended DNS Error code (RFC 8914). */
  readonly infoCode: number | undefined
  /** Of a `tls_alert_received`: the number of the alert (RFC 8446 section 6). */
  readonly alertId: number | undefined
  /** Of a `tls_alert_received`: the name of the alert. */
  readonly alertMessage: string | undefined
  /** Of an `http_request_error`: the status that it generated. */
  readonly statusCode: number | undefined
  /** Of an `http_request_error`: the reason phrase that it generated. */
  readonly statusPhrase: string | undefined
  /** Of a header or trailer field that was too large: its name. */
  readonly fieldName: string | undefined
  /** Of anything that was too large: its size in bytes, as far as it is known. */
  readonly size: number | undefined
  /** Of a coding that the intermediary cannot decode: its name. */
  readonly coding: string | undefined
  /**
   * All parameters by their names on the wire, extensions included. Dates are seconds since 1970.
   */
  readonly parameters: ReadonlyMap<string, string | number | boolean | Uint8Array>
}

const nothing: ReadonlyArray<ProxyStatus> = []

const isText = (item: BareItem): item is Extract<BareItem, { readonly _tag: "String" } | { readonly _tag: "Token" }> =>
  item._tag === "String" || item._tag === "Token"

const text = (parameters: Parameters, ...keys: ReadonlyArray<string>): string | undefined => {
  for (const key of keys) {
    const item = parameters.get(key)
    if (item !== undefined && isText(item)) return item.value
  }
  return undefined
}

const integer = (parameters: Parameters, ...keys: ReadonlyArray<string>): number | undefined => {
  for (const key of keys) {
    const item = parameters.get(key)
    if (item?._tag === "Integer") return item.value
  }
  return undefined
}

/**
 * Returns the identifier of a protocol. One that is not a token is a byte sequence (RFC 9209
 * section 2.1.3).
 */
const protocol = (parameters: Parameters): string | undefined => {
  const item = parameters.get("next-protocol")
  return item?._tag === "ByteSequence"
    ? Array.from(item.value, (byte) => String.fromCharCode(byte)).join("")
    : text(parameters, "next-protocol")
}

const report = (proxy: string, { parameters }: Item): ProxyStatus => ({
  proxy,
  error: text(parameters, "error"),
  nextHop: text(parameters, "next-hop"),
  nextProtocol: protocol(parameters),
  receivedStatus: integer(parameters, "received-status"),
  details: text(parameters, "details"),
  rcode: text(parameters, "rcode"),
  infoCode: integer(parameters, "info-code"),
  alertId: integer(parameters, "alert-id"),
  alertMessage: text(parameters, "alert-message"),
  statusCode: integer(parameters, "status-code"),
  statusPhrase: text(parameters, "status-phrase"),
  fieldName: text(parameters, "header-name", "trailer-name"),
  size: integer(
    parameters,
    "header-section-size",
    "header-size",
    "body-size",
    "trailer-section-size",
    "trailer-size"
  ),
  coding: text(parameters, "coding"),
  parameters: new Map(Array.from(parameters, ([key, { value }]) => [key, value]))
})

/** Parses the value of the field; none if the value must be ignored. */
export const parse = (value: string): ReadonlyArray<ProxyStatus> => {
  const reports: Array<ProxyStatus> = []
  for (const member of Either.getOrElse(parseList(value), () => [])) {
    if (member._tag !== "Item" || !isText(member.value)) return nothing
    reports.push(report(member.value.value, member))
  }
  return reports
}

/**
 * Returns the reports in a list of fields, in their order: the intermediary nearest to the origin
 * server first.
 */
export const fromFields = (fields: HttpFields.HttpFields): ReadonlyArray<ProxyStatus> => {
  const value = HttpFields.getUnsafe(fields, "proxy-status")
  return value === undefined ? nothing : parse(value)
}
