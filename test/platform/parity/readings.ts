/** Bodies that are read twice, and bodies that are larger than the program allows. */
import * as HttpIncomingMessage from "@effect/platform/HttpIncomingMessage"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { chunked, ok, wireServer } from "../server.ts"
import { type Case, differs, type Each, outcome, quiet, same, settled } from "./case.ts"
import { answered, bytes, form, json, type Read, streamed, text } from "./responses.ts"

const readers = { text, json, arrayBuffer: bytes, stream: streamed, formData: form }

type Reader = keyof typeof readers

/** What comes of one reading and then of another. */
const twice = (body: string, one: Read, other: Read) =>
  Effect.gen(function*() {
    const server = yield* wireServer(ok(body, "Content-Type: application/x-www-form-urlencoded"))
    const client = yield* quiet
    const response = yield* client.get(server.url)
    return [yield* outcome(one(response)), yield* settled(other(response))]
  })

/** The second reading, where the first one is well. */
const second = (one: Reader, other: Reader, value: Each | string | number): Case => {
  const name = `reads ${one}, then ${other}`
  const observe = Effect.map(twice("12", readers[one], readers[other]), ([, seen]) => seen)
  return typeof value === "object" ? differs(name, value, observe) : same(name, value, observe)
}

const consumed = "ResponseError Decode: BodyAlreadyConsumed"
const decode = "ResponseError Decode"

/** A body of five bytes, one of six, and one of six in chunks, where five are allowed. */
const limited = (read: Read) =>
  Effect.forEach([ok("12345"), ok("123456"), chunked("123", "456")], (answer) => answered(answer, read)).pipe(
    HttpIncomingMessage.withMaxBodySize(Option.some(5))
  )

const tooLarge = `${decode}: BodyTooLarge`

export const cases = [
  second("text", "text", "12"),
  second("json", "json", 12),
  second("text", "json", 12),
  second("arrayBuffer", "arrayBuffer", { ours: "12", node: "nothing", undici: "12" }),
  second("text", "arrayBuffer", { ours: "12", node: "nothing", undici: decode }),
  second("arrayBuffer", "text", { ours: "12", node: "nothing", undici: decode }),
  second("text", "stream", { ours: consumed, node: "", undici: "" }),
  second("stream", "stream", { ours: consumed, node: "", undici: "" }),
  second("stream", "text", { ours: consumed, node: "nothing", undici: decode }),
  differs(
    "reads formData, then formData",
    { ours: [["12", ""]], node: "no form", undici: "no form" },
    // Of a body that is gone node:http makes a failure, and with Node 24 a form without fields.
    Effect.map(
      twice("12", form, form),
      ([, seen]) => seen === decode || (Array.isArray(seen) && seen.length === 0) ? "no form" : seen
    )
  ),
  differs("limits text by MaxBodySize", {
    ours: ["12345", tooLarge, tooLarge],
    node: ["12345", decode, decode],
    undici: ["12345", "123456", "123456"]
  }, limited(text)),
  differs("limits json by MaxBodySize", {
    ours: [12345, tooLarge, tooLarge],
    node: [12345, decode, decode],
    undici: [12345, 123456, 123456]
  }, limited(json)),
  differs("limits arrayBuffer by MaxBodySize", {
    ours: ["12345", tooLarge, tooLarge],
    node: ["12345", decode, decode],
    undici: ["12345", "123456", "123456"]
  }, limited(bytes)),
  same("does not limit a stream by MaxBodySize", ["12345", "123456", "123456"], limited(streamed))
]
