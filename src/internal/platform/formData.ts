/**
 * A form as `multipart/form-data` (RFC 7578; WHATWG HTML section 4.10.22.8): its length is known beforehand, its files are read
 * when they are sent, and its boundary is random enough that no content can hold it.
 */
import * as Stream from "effect/Stream"
import * as HttpBody from "../../HttpBody.ts"

const encoder = new TextEncoder()

const lineEnds = /\r\n|\r|\n/g

/** A name as it stands in quotes: what would end it is percent-encoded, and nothing else, as browsers do. */
const quoted = (name: string): string => name.replaceAll("\n", "%0A").replaceAll("\r", "%0D").replaceAll("\"", "%22")

/** A file's type stands in a line of its own; `Blob` lets through only printable ASCII, but a subclass need not. */
const typeOf = (type: string): string => /^[\x20-\x7e]+$/.test(type) ? type : "application/octet-stream"

/** The pieces of an iterable, let go of where the sending stops early. */
export const piecesOf = (
  source: Iterable<Uint8Array> | AsyncIterable<Uint8Array>
): Stream.Stream<Uint8Array, unknown> => {
  const body = HttpBody.iterable(source)
  return body._tag === "Streaming" ? body.stream : Stream.empty
}

/** The bytes of a blob, read when it is sent. */
export const blobStream = (blob: Blob): Stream.Stream<Uint8Array, unknown> =>
  Stream.suspend(() => piecesOf(blob.stream() as unknown as AsyncIterable<Uint8Array>))

/** The body that a form is sent as, with its Content-Type. */
export const encodeFormData = (form: FormData): HttpBody.HttpBody<unknown> => {
  const boundary = `----form-${globalThis.crypto.randomUUID()}`
  const contentType = `multipart/form-data; boundary=${boundary}`
  const parts: Array<Uint8Array | Blob> = []
  let text = ""
  let length = 0
  const flush = (): void => {
    const bytes = encoder.encode(text)
    parts.push(bytes)
    length += bytes.length
    text = ""
  }
  for (const [name, value] of form.entries()) {
    text += `--${boundary}\r\nContent-Disposition: form-data; name="${quoted(name.replace(lineEnds, "\r\n"))}"`
    if (typeof value === "string") {
      text += `\r\n\r\n${value.replace(lineEnds, "\r\n")}\r\n`
    } else {
      text += `; filename="${quoted(value.name)}"\r\nContent-Type: ${typeOf(value.type)}\r\n\r\n`
      flush()
      parts.push(value)
      length += value.size
      text += "\r\n"
    }
  }
  text += `--${boundary}--\r\n`
  if (parts.length === 0) return HttpBody.bytes(encoder.encode(text), contentType)
  flush()
  const stream = Stream.flatMap(
    Stream.fromIterable(parts),
    (part) => part instanceof Uint8Array ? Stream.succeed(part) : blobStream(part)
  )
  return HttpBody.stream(stream, { length, replayable: true, contentType })
}
