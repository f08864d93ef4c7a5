/**
 * Decides which failures of an opening may soon pass, and copies an error that several requests
 * share.
 */
import type { HttpError } from "../../HttpError.ts"
import type { ConnectReason } from "../error/connect.ts"

/**
 * The reasons that pass when a server is up again, or when other code frees descriptors. `NoEntry`
 * is for the socket file that a server creates. A missing route, or a server that does not answer,
 * does not pass so soon.
 */
const passing = new Set<ConnectReason>(["Refused", "Reset", "TooManyFiles", "NoEntry"])

/**
 * The codes that pass. EAGAIN is how a unix socket reports that too many connections wait to be
 * accepted.
 */
const passingCodes = new Set(["EAGAIN", "EMFILE", "ENFILE"])

const codeOf = (cause: unknown): unknown =>
  typeof cause === "object" && cause !== null && "code" in cause ? cause.code : undefined

/**
 * True if another attempt is worthwhile, because nothing was sent and the failure may soon pass.
 */
export const isRecoverable = (error: HttpError): boolean => {
  switch (error._tag) {
    case "ConnectError":
      // Only failures of the system pass. A transport that refuses for another reason, such as a
      // script that has ended, would refuse again.
      return (error.cause === undefined || codeOf(error.cause) !== undefined || error.cause instanceof AggregateError)
        && (passing.has(error.reason) || passingCodes.has(error.code))
    case "TlsError":
      return error.reason === "Closed"
    case "DnsError":
      return error.reason === "Temporary" || passingCodes.has(error.code)
    // As if a server refuses: it may be up again soon.
    case "SocksError":
      return error.reason === "Refused"
    // The proxy, or the server before anything was sent, closed the connection that it had
    // accepted.
    case "RemoteDisconnected":
    case "ReadError":
    case "WriteError":
      return true
    default:
      return false
  }
}

/**
 * Copies an error for one more request. Each request has a separate copy, because its details are
 * written into the error. The constructor is not called, because it would capture a useless stack
 * for each of a thousand requests.
 */
export const sharedCopyOf = <E extends HttpError>(error: E): E => {
  const copy: E = Object.create(Object.getPrototypeOf(error) as object)
  for (const key of Reflect.ownKeys(error)) {
    // Reading the stack would format it.
    if (key !== "stack") Object.defineProperty(copy, key, Object.getOwnPropertyDescriptor(error, key) ?? {})
  }
  return Object.defineProperty(copy, "stack", { configurable: true, get: () => error.stack })
}
