/** Which failures of an opening may be over in a moment, and what is made of one that many have. */
import type { HttpError } from "../../HttpError.ts"
import type { ConnectReason } from "../error/connect.ts"

/**
 * What passes when a server is up again (`NoEntry`: the socket file that it makes), or when others
 * free descriptors. That there is no route, or that nobody answers, does not pass so soon.
 */
const passing = new Set<ConnectReason>(["Refused", "Reset", "TooManyFiles", "NoEntry"])

/** EAGAIN is how a unix socket says that too many wait to be accepted. */
const passingCodes = new Set(["EAGAIN", "EMFILE", "ENFILE"])

const codeOf = (cause: unknown): unknown =>
  typeof cause === "object" && cause !== null && "code" in cause ? cause.code : undefined

/**
 * Whether it is worth trying again, because nothing was sent and the failure may be over in a
 * moment.
 */
export const isRecoverable = (error: HttpError): boolean => {
  switch (error._tag) {
    case "ConnectError":
      // Only what the system says: a transport that refuses for reasons of its own, such as a
      // script that is over, means it.
      return (error.cause === undefined || codeOf(error.cause) !== undefined || error.cause instanceof AggregateError)
        && (passing.has(error.reason) || passingCodes.has(error.code))
    case "TlsError":
      return error.reason === "Closed"
    case "DnsError":
      return error.reason === "Temporary" || passingCodes.has(error.code)
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
 * The same error for one more request. Each has its own, because what is known of the request is
 * written into it; made without its constructor, which would take a stack of no use to anybody, for
 * each of a thousand.
 */
export const sharedCopyOf = <E extends HttpError>(error: E): E => {
  const copy: E = Object.create(Object.getPrototypeOf(error) as object)
  for (const key of Reflect.ownKeys(error)) {
    // To look at the stack is to have it written out.
    if (key !== "stack") Object.defineProperty(copy, key, Object.getOwnPropertyDescriptor(error, key) ?? {})
  }
  return Object.defineProperty(copy, "stack", { configurable: true, get: () => error.stack })
}
