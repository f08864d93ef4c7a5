/**
 * Describes the reports of Proxy-Status (RFC 9209 section 2.3): which party failed, and why.
 *
 * All texts of the intermediary are escaped and shortened, because it chooses them.
 */
import type { ErrorType, ProxyStatus } from "../model/proxyStatus.ts"
import { excerpt } from "./base.ts"

/** What happened, for each error type; `server` names the next hop. */
const words: { readonly [E in ErrorType]: (server: string) => string } = {
  dns_timeout: (server) => `the lookup of the name of ${server} took too long`,
  dns_error: (server) => `the name of ${server} could not be resolved`,
  destination_not_found: () => "it does not know which server the request is meant for",
  destination_unavailable: (server) => `it regards ${server} as unavailable`,
  destination_ip_prohibited: (server) => `it must not connect to the address of ${server}`,
  destination_ip_unroutable: (server) => `it has no route to the address of ${server}`,
  connection_refused: (server) => `${server} refused its connection`,
  connection_terminated: (server) => `its connection to ${server} was closed before the response was complete`,
  connection_timeout: (server) => `it could not connect to ${server} in time`,
  connection_read_timeout: (server) => `it waited too long for data of ${server}`,
  connection_write_timeout: (server) => `${server} did not accept the request in time`,
  connection_limit_reached: (server) => `it may not open more connections to ${server}`,
  tls_protocol_error: (server) => `TLS with ${server} failed`,
  tls_certificate_error: (server) => `it did not accept the certificate of ${server}`,
  tls_alert_received: (server) => `${server} ended TLS with an alert`,
  http_request_error: () => "it regards the request as invalid",
  http_request_denied: () => "it refuses the request by its rules",
  http_response_incomplete: (server) => `the response of ${server} was incomplete`,
  http_response_header_section_size: (server) => `the header section of the response of ${server} was too large`,
  http_response_header_size: (server) => `a header field in the response of ${server} was too large`,
  http_response_body_size: (server) => `the body of the response of ${server} was too large`,
  http_response_trailer_section_size: (server) => `the trailer section of the response of ${server} was too large`,
  http_response_trailer_size: (server) => `a trailer field in the response of ${server} was too large`,
  http_response_transfer_coding: (server) => `it cannot decode the transfer coding in the response of ${server}`,
  http_response_content_coding: (server) => `it cannot decode the content coding in the response of ${server}`,
  http_response_timeout: (server) => `the response of ${server} took too long`,
  http_upgrade_failed: (server) => `${server} did not change to the protocol that the request asked for`,
  http_protocol_error: (server) => `${server} broke the rules of HTTP`,
  proxy_internal_response: () => "it answered by itself and did not ask the server",
  proxy_internal_error: () => "it failed by itself",
  proxy_configuration_error: () => "its configuration is wrong",
  proxy_loop_detected: () => "the request had passed it before, so the proxies form a loop"
}

const isErrorType = (error: string): error is ErrorType => Object.hasOwn(words, error)

/** Returns the details that belong to some error types, as ` (dns_error, rcode "NXDOMAIN")`. */
const particulars = (error: string, status: ProxyStatus): string => {
  const { alertId, alertMessage, coding, fieldName, infoCode, rcode, receivedStatus, size, statusCode } = status
  const known: ReadonlyArray<readonly [what: string, value: string | number | undefined]> = [
    ["rcode", rcode],
    ["info-code", infoCode],
    ["alert", alertMessage],
    ["alert-id", alertId],
    ["status", statusCode],
    ["field", fieldName],
    ["size", size],
    ["coding", coding],
    ["received status", receivedStatus]
  ]
  const shown = known.flatMap(([what, value]) =>
    value === undefined ? [] : [`${what} ${typeof value === "number" ? value : excerpt(value)}`]
  )
  return `(${[error, ...shown].join(", ")})`
}

/**
 * Returns a sentence about the failure that is nearest to the origin server, because later failures
 * follow from it. Begins with a space; empty if no intermediary reports a failure.
 */
export const reported = (statuses: ReadonlyArray<ProxyStatus>): string => {
  const status = statuses.find(({ error }) => error !== undefined)
  if (status?.error === undefined) return ""
  const { details, error, nextHop, proxy } = status
  const server = nextHop === undefined ? "the next server" : `the next server ${excerpt(nextHop)}`
  const what = isErrorType(error)
    ? `${words[error](server)} ${particulars(error, status)}`
    : `it failed ${particulars(excerpt(error), status)}`
  return ` The intermediary ${excerpt(proxy)} reports that ${what}${
    details === undefined ? "" : `: ${excerpt(details)}`
  }.`
}
