/**
 * The parser of `node:http`: llhttp as machine code behind Node's binding, driven as `lib/_http_common.js` does, to the object that
 * `IncomingMessage.headers` is.
 */
import { IncomingMessage } from "node:http"
import { createRequire } from "node:module"
import { Socket } from "node:net"
import type { Parser } from "./heads.ts"
import { objectLines } from "./heads.ts"

type Headers = Record<string, string | Array<string>>

interface Binding {
  [callback: number]: ((...values: ReadonlyArray<never>) => number | void) | undefined
  readonly initialize: (type: number, resource: object) => void
  readonly execute: (bytes: Buffer) => number | Error
}

interface Constructor {
  new(): Binding
  readonly RESPONSE: number
  readonly kOnHeaders: number
  readonly kOnHeadersComplete: number
}

/** The binding, as the file of Node that owns it gives it away. */
const { HTTPParser } = createRequire(import.meta.url)("_http_common") as { readonly HTTPParser: Constructor }

interface Lines {
  readonly _addHeaderLine: (name: string, value: string, headers: Headers) => void
}

export const make = (): Parser => {
  const parser = new HTTPParser()
  parser.initialize(HTTPParser.RESPONSE, {})
  // One message for all heads: making one is no parsing.
  const message = new IncomingMessage(new Socket()) as unknown as Lines
  let raw: Array<string> = []
  let headers: Headers = {}
  let complete = 0
  // A long head comes in pieces.
  parser[HTTPParser.kOnHeaders] = (lines: ReadonlyArray<string>) => {
    raw.push(...lines)
  }
  parser[HTTPParser.kOnHeadersComplete] = (
    _major: number,
    _minor: number,
    lines: Array<string> | undefined,
    _method: unknown,
    _url: unknown,
    status: number
  ) => {
    const all = lines ?? raw
    raw = []
    headers = {}
    for (let i = 0; i < all.length; i += 2) message._addHeaderLine(all[i] as string, all[i + 1] as string, headers)
    complete = status
    return 0
  }
  return {
    parse: (bytes) => {
      complete = 0
      const result = parser.execute(bytes)
      if (typeof result !== "number") throw result
      return complete
    },
    lines: () => objectLines(headers)
  }
}
