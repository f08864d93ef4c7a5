/**
 * Compares a request with a recorded one, and describes in sentences how they differ.
 *
 * Both are compared as they would be recorded, without secrets.
 */
import { tolerant } from "./ignored.ts"
import type { Message } from "./reader.ts"
import { contentOf, factsOf, redactedContent, redactedLine } from "./redact.ts"
import { redacted, type Secrets } from "./secrets.ts"
import { textOf } from "./store.ts"

/** Documented in `Cassette`. */
export interface Compare {
  readonly ignoreFields?: ReadonlyArray<string | RegExp> | undefined
  readonly body?: boolean | ((recorded: Uint8Array, sent: Uint8Array) => boolean) | undefined
}

/** The head of a request without secrets. */
export interface Head {
  readonly method: string
  readonly target: string
  /** By name in lower case: the values of all lines with that name. */
  readonly fields: ReadonlyMap<string, string>
}

export const headOf = (message: Message, secrets: Secrets): Head => {
  const [method = "", target = ""] = redactedLine(message, secrets).split(" ")
  const fields = new Map<string, string>()
  for (const { name, value } of message.fields) {
    const key = name.toLowerCase()
    const before = fields.get(key)
    const after = secrets.value(name, value)
    fields.set(key, before === undefined ? after : `${before}, ${after}`)
  }
  return { method, target, fields }
}

/** Returns the content of a complete request without secrets. */
export const bodyOf = (message: Message, bytes: Uint8Array, secrets: Secrets): Uint8Array =>
  redactedContent(message, bytes, factsOf("Request", message, message), secrets)

/** Names a request in a message: its method and target. */
export const described = ({ fields, method, target }: Head): string => {
  const host = fields.get("host")
  return `${method} ${target.startsWith("/") && host !== undefined ? `${host}${target}` : target}`
}

const longest = 200

const shown = (text: string): string =>
  text.length > longest ? `${JSON.stringify(text.slice(0, longest))}… (${text.length} bytes)` : JSON.stringify(text)

const fieldDifference = (name: string, recorded: string | undefined, sent: string | undefined): string | undefined => {
  if (recorded === sent) return undefined
  if (recorded === undefined) return `it was recorded without the field ${name}, which is ${shown(sent ?? "")}`
  if (sent === undefined) return `it was recorded with the field ${name}, which is missing`
  // A redacted value matches everything.
  return recorded.includes(redacted) ? undefined : `its field ${name} is ${shown(recorded)} and not ${shown(sent)}`
}

export class Comparison {
  readonly #secrets: Secrets
  readonly #isIgnored: (name: string) => boolean
  readonly #body: Compare["body"]

  constructor(secrets: Secrets, { body = true, ignoreFields = [] }: Compare) {
    this.#secrets = secrets
    this.#isIgnored = tolerant(ignoreFields)
    this.#body = body
  }

  head(message: Message): Head {
    return headOf(message, this.#secrets)
  }

  /** Returns how the recorded request differs: its method and target first. */
  heads(recorded: Head, sent: Head): ReadonlyArray<string> {
    const names = new Set([...recorded.fields.keys(), ...sent.fields.keys()])
    return [
      recorded.method === sent.method ? undefined : `its method is ${recorded.method} and not ${sent.method}`,
      recorded.target === sent.target
        ? undefined
        : `its target is ${shown(recorded.target)} and not ${shown(sent.target)}`,
      ...[...names].map((name) =>
        this.#isIgnored(name) ? undefined : fieldDifference(name, recorded.fields.get(name), sent.fields.get(name))
      )
    ].filter((difference) => difference !== undefined)
  }

  /** Returns how the bodies differ; `undefined` if they do not. */
  bodies(recorded: Message, recordedBytes: Uint8Array, sent: Message, sentBytes: Uint8Array): string | undefined {
    if (this.#body === false || recorded.end < 0) return undefined
    if (typeof this.#body === "function") {
      // The caller's function compares the recorded body with the body as it would be recorded.
      const same = this.#body(contentOf(recorded, recordedBytes), bodyOf(sent, sentBytes, this.#secrets))
      return same ? undefined : "its body is another one by the function `body`"
    }
    const before = textOf(bodyOf(recorded, recordedBytes, this.#secrets))
    const after = textOf(bodyOf(sent, sentBytes, this.#secrets))
    if (before === after) return undefined
    let at = 0
    while (at < before.length && before[at] === after[at]) at++
    const from = Math.max(0, at - 20)
    return `its body of ${before.length} bytes differs from the ${after.length} bytes sent at byte ${at}: `
      + `${shown(before.slice(from))} was recorded, and ${shown(after.slice(from))} was sent`
  }
}
