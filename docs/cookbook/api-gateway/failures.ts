/** What the gateway answers when there is no response to pass on: a status, and the error type of RFC 9209. */
import { type ConnectionPool, HttpError, type ProxyStatus } from "effect-http-client"
import * as Data from "effect/Data"
import * as Match from "effect/Match"

/** The client closed its connection, or broke it, before its request was complete. */
export class ClientGone extends Data.TaggedError("ClientGone")<{ readonly cause: unknown }> {}

export interface Failure {
  readonly status: number
  readonly error: ProxyStatus.ErrorType
}

const failure = (status: number, error: ProxyStatus.ErrorType) => (): Failure => ({ status, error })

/** A timeout of an upstream is a 504; one of the gateway's own queue is a 503, because the gateway is what is busy. */
const ofTimeout = ({ kind }: HttpError.HttpTimeout): Failure => {
  switch (kind) {
    case "pool":
      return { status: 503, error: "connection_limit_reached" }
    case "dns":
      return { status: 504, error: "dns_timeout" }
    case "write":
      return { status: 504, error: "connection_write_timeout" }
    case "head":
    case "total":
      return { status: 504, error: "http_response_timeout" }
    default:
      return { status: 504, error: "connection_timeout" }
  }
}

const ofCertificates: ReadonlySet<HttpError.TlsReason> = new Set([
  "CertificateExpired",
  "CertificateNotYetValid",
  "HostnameMismatch",
  "PinMismatch",
  "Revoked",
  "SelfSigned",
  "UntrustedIssuer"
])

/** A `RequestBodyError` is missing on purpose: the client has gone, and nothing can be answered. */
export type NoResponse = Exclude<ConnectionPool.ExecuteFailure<ClientGone>, HttpError.RequestBodyError>

export const describe: (error: NoResponse) => Failure = Match.type<NoResponse>().pipe(
  Match.withReturnType<Failure>(),
  Match.tag("HttpTimeout", ofTimeout),
  Match.tag("PoolQueueFull", failure(503, "connection_limit_reached")),
  Match.tag("PoolClosed", failure(503, "proxy_internal_error")),
  Match.tag("DnsError", failure(502, "dns_error")),
  Match.tag("ConnectError", ({ reason }) => ({
    status: 502,
    error: reason === "Refused" ? "connection_refused" : "destination_unavailable"
  })),
  Match.tag("AddressRefused", failure(502, "destination_ip_prohibited")),
  Match.tag("TlsError", ({ reason }) => ({
    status: 502,
    error: ofCertificates.has(reason) ? "tls_certificate_error" : "tls_protocol_error"
  })),
  // Chunks, and an upstream that speaks HTTP/1.0.
  Match.tag("UnsupportedBody", failure(411, "http_request_error")),
  Match.when(HttpError.isInvalidRequest, failure(400, "http_request_error")),
  Match.when(HttpError.isProtocolError, failure(502, "http_protocol_error")),
  // The upstream closed or broke the connection instead of answering.
  Match.orElse(failure(502, "connection_terminated"))
)
