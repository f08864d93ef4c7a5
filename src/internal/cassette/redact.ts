/**
 * Removes the secrets from the bytes of a connection.
 *
 * It works on all bytes of a direction together, so that their splits do not matter. A replacement
 * may have another length. Content-Length and the sizes of chunks then change with it, so that the
 * messages stay valid.
 */
import { decodeContent, encodeContent, isEncoded } from "./codings.ts"
import { converse } from "./dialogue.ts"
import { type Edit, edited } from "./edits.ts"
import type { Event } from "./model.ts"
import type { Field, Message, Range, Reader } from "./reader.ts"
import type { BodyFacts, Secrets } from "./secrets.ts"
import { withoutCredentials } from "./socks.ts"
import { bytesOf, textOf } from "./store.ts"

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0

const replaceText = ({ end, start }: Range, before: string, after: string): ReadonlyArray<Edit> =>
  before === after ? [] : [{ start, end, bytes: bytesOf(after) }]

/** Returns a request line or a status line without the secrets of its target. */
export const redactedLine = (message: Message, secrets: Secrets): string =>
  secrets.url(message.line, message.headEnd < 0)

const fieldEdits = (fields: ReadonlyArray<Field>, cut: boolean, secrets: Secrets): ReadonlyArray<Edit> =>
  fields.flatMap((field) => replaceText(field, field.value, secrets.value(field.name, field.value, cut)))

/** Returns the content of a message, without chunks. */
export const contentOf = (message: Message, bytes: Uint8Array): Uint8Array =>
  Buffer.concat(message.data.map(({ end, start }) => bytes.subarray(start, end)))

/** True for JSON without a type, or with the type of plain text. */
const looksLikeJson = (content: Uint8Array, type: string): boolean =>
  (type === "" || /^text\/plain\b/i.test(type)) && /^\s*[{[]/.test(textOf(content.subarray(0, 64)))

/** Returns the content without secrets; the same object if there are none. */
const withoutSecrets = (content: Uint8Array, about: BodyFacts, secrets: Secrets): Uint8Array => {
  const isJson = /json/i.test(about.contentType) || (about.kind !== "Raw" && looksLikeJson(content, about.contentType))
  const isForm = /^application\/x-www-form-urlencoded\b/i.test(about.contentType)
  let result = content
  if (isJson || isForm) {
    const text = textOf(content)
    const after = isJson ? secrets.json(text) : secrets.form(text)
    if (after !== text) result = bytesOf(after)
  }
  if (secrets.replace === undefined) return result
  try {
    const replaced = secrets.replace(new Uint8Array(result), about)
    return replaced instanceof Uint8Array ? same(replaced, result) ? result : replaced : hidden(result)
  } catch {
    return hidden(result)
  }
}

/** Returns the bytes that replace a content if redacting it failed. */
const hidden = (content: Uint8Array): Uint8Array => new Uint8Array(content.length).fill(0x2a)

/** Returns the content of a message without secrets, decoded first if necessary. */
export const redactedContent = (
  message: Message,
  bytes: Uint8Array,
  about: BodyFacts,
  secrets: Secrets
): Uint8Array => {
  const content = contentOf(message, bytes)
  const encoding = message.get("content-encoding")
  if (content.length === 0 || !isEncoded(encoding)) return withoutSecrets(content, about, secrets)
  const plain = decodeContent(encoding, content)
  // A content that cannot be decoded is not searched, but the function may still replace it.
  if (plain === undefined) return withoutSecrets(content, { ...about, contentType: "" }, secrets)
  const after = withoutSecrets(plain, about, secrets)
  return after === plain ? content : encodeContent(encoding, after)
}

/**
 * Returns edits that set another content of a message. Its framing stays valid, or as incomplete as
 * it was.
 */
const bodyEdits = (message: Message, before: Uint8Array, after: Uint8Array): ReadonlyArray<Edit> => {
  if (same(before, after)) return []
  const edits: Array<Edit> = []
  let at = 0
  message.data.forEach((range, index) => {
    const isLast = index === message.data.length - 1
    const part = after.subarray(at, isLast ? after.length : at + range.end - range.start)
    at += part.length
    const chunk = message.chunks[index]
    if (chunk === undefined) return edits.push({ ...range, bytes: part })
    const size = chunk.size - (range.end - range.start) + part.length
    // A chunk of size 0 would end the body. Its line end follows its data if that is complete.
    if (size === 0) {
      const end = Math.min(range.end + 2, message.end < 0 ? range.end : message.end)
      return edits.push({ start: chunk.line.start, end, bytes: bytesOf("") })
    }
    return edits.push(
      { ...chunk.line, bytes: bytesOf(size.toString(16)) },
      { start: range.start, end: range.end, bytes: part }
    )
  })
  if (message.framing.kind === "length") {
    const length = message.framing.length - before.length + after.length
    for (const field of message.fields) {
      if (field.name.toLowerCase() === "content-length") {
        edits.push({ start: field.start, end: field.end, bytes: bytesOf(String(length)) })
      }
    }
  }
  return edits
}

const messageEdits = (message: Message, bytes: Uint8Array, about: BodyFacts, secrets: Secrets): ReadonlyArray<Edit> => [
  ...replaceText({ start: message.start, end: message.lineEnd }, message.line, redactedLine(message, secrets)),
  ...fieldEdits(message.fields, message.headEnd < 0, secrets),
  ...bodyEdits(message, contentOf(message, bytes), redactedContent(message, bytes, about, secrets)),
  ...fieldEdits(message.trailers, message.end < 0, secrets)
]

/** Returns the facts about a message that `Redact.replace` receives. */
export const factsOf = (kind: "Request" | "Response", request: Message | undefined, message: Message): BodyFacts => ({
  kind,
  method: request?.method ?? "",
  target: request?.target ?? "",
  contentType: message.get("content-type")[0] ?? ""
})

const rawFacts: BodyFacts = { kind: "Raw", method: "", target: "", contentType: "" }

/** Returns the parts of a range, split at the ends of the pieces. */
const splitBy = (pieces: ReadonlyArray<Uint8Array>, { end, start }: Range): ReadonlyArray<Range> => {
  let at = 0
  return pieces.flatMap((piece) => {
    const from = Math.max(start, at)
    at += piece.length
    const to = Math.min(end, at)
    return from < to ? [{ start: from, end: to }] : []
  })
}

/** Returns the edits for bytes that are not a message. */
const otherEdits = (
  reader: Reader,
  isClient: boolean,
  pieces: ReadonlyArray<Uint8Array>,
  secrets: Secrets
): ReadonlyArray<Edit> => {
  const { view } = reader.store
  return reader.parts.flatMap((part): ReadonlyArray<Edit> => {
    if (part._tag === "Message") return []
    if (part._tag === "Socks") {
      const before = view.subarray(part.start, part.end)
      const after = withoutCredentials(before)
      return after === before ? [] : [{ start: part.start, end: part.end, bytes: after }]
    }
    if (secrets.replace === undefined) return []
    return splitBy(pieces, part).flatMap(({ end, start }) => {
      const before = view.subarray(start, end)
      const after = withoutSecrets(before, rawFacts, secrets)
      if (after === before) return []
      // These bytes are counted when they are played.
      return [{ start, end, bytes: isClient && after.length !== before.length ? hidden(before) : after }]
    })
  })
}

/** Returns the events without secrets. Pieces that become empty are dropped. */
export const redactEvents = (events: ReadonlyArray<Event>, secrets: Secrets): ReadonlyArray<Event> => {
  const { client, exchanges, server } = converse(events)
  const requests = new Map(exchanges.map(({ request }) => [request, request] as const))
  const askedBy = new Map(
    exchanges.flatMap(({ interim, request, response }) =>
      [...interim, ...(response === undefined ? [] : [response])].map((message) => [message, request] as const)
    )
  )
  const editsOf = (
    reader: Reader,
    kind: "Request" | "Response",
    asked: ReadonlyMap<Message, Message>,
    pieces: ReadonlyArray<Uint8Array>
  ) => [
    ...reader.parts.flatMap((part) =>
      part._tag === "Message"
        ? messageEdits(part, reader.store.view, factsOf(kind, asked.get(part), part), secrets)
        : []
    ),
    ...otherEdits(reader, kind === "Request", pieces, secrets)
  ]
  const piecesOf = (from: "Client" | "Server") =>
    events.flatMap((event) => event._tag === "Bytes" && event.from === from ? [event.bytes] : [])
  const sent = piecesOf("Client")
  const received = piecesOf("Server")
  const pieces = {
    Client: edited(sent, editsOf(client, "Request", requests, sent)),
    Server: edited(received, editsOf(server, "Response", askedBy, received))
  }
  const next = { Client: 0, Server: 0 }
  return events.flatMap((event): ReadonlyArray<Event> => {
    if (event._tag !== "Bytes") return [event]
    const bytes = pieces[event.from][next[event.from]++] ?? new Uint8Array(0)
    return bytes.length === 0 ? [] : [{ ...event, bytes }]
  })
}
