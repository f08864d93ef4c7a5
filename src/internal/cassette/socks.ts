/**
 * The lengths of the messages of SOCKS (RFC 1928, RFC 1929), and the secrets in them.
 *
 * `protocol/socks.ts` is the client's machine. This file only splits recorded bytes.
 */
import { bytesOf } from "./store.ts"

const addressLength = (bytes: Uint8Array, at: number): number | undefined => {
  switch (bytes[at]) {
    case 1:
      return 5
    case 4:
      return 17
    case 3:
      return bytes.length > at + 1 ? 2 + (bytes[at + 1] as number) : undefined
    default:
      return undefined
  }
}

const endOfText = (bytes: Uint8Array, from: number): number => bytes.indexOf(0, from) + 1

/**
 * Returns the length of the client's message at the start; `undefined` while it is incomplete.
 * `first` is true for the first message, which is a greeting in SOCKS5.
 */
export const socksLength = (bytes: Uint8Array, first: boolean): number | undefined => {
  const [version, second = 0] = bytes
  if (bytes.length < 2) return undefined
  let length = 0
  if (version === 4) {
    length = endOfText(bytes, 8)
    // 0.0.0.x means that a name follows.
    if (length > 0 && bytes[4] === 0 && bytes[5] === 0 && bytes[6] === 0 && bytes[7] !== 0) {
      length = endOfText(bytes, length)
    }
    return length > 0 ? length : undefined
  }
  if (version === 1) {
    const password = bytes[2 + second]
    length = password === undefined ? Infinity : 3 + second + password
  } else length = first ? 2 + second : 5 + (addressLength(bytes, 3) ?? Infinity)
  return bytes.length >= length ? length : undefined
}

/** Returns the length of the server's reply to a message; `undefined` while it is incomplete. */
export const replyLength = (message: Uint8Array, bytes: Uint8Array): number | undefined => {
  const isRequest = message[0] === 5 && message.length > 2 + (message[1] ?? 0)
  const length = message[0] === 4 ? 8 : isRequest ? 5 + (addressLength(bytes, 3) ?? Infinity) : 2
  return bytes.length >= length ? length : undefined
}

const hidden = "redacted"
const credentials = Uint8Array.of(1, hidden.length, ...bytesOf(hidden), hidden.length, ...bytesOf(hidden))

/** Returns the message without its credentials: unchanged if it has none. */
export const withoutCredentials = (message: Uint8Array): Uint8Array => {
  if (message[0] === 1) return credentials
  if (message[0] !== 4) return message
  // A truncated message may end within the user name.
  const user = endOfText(message, 8) || message.length + 1
  return user <= 9
    ? message
    : Uint8Array.of(...message.subarray(0, 8), ...bytesOf(hidden), 0, ...message.subarray(user))
}
