/** undici and `fetch`, which is undici too. */
import { Readable } from "node:stream"
import type { Dispatcher } from "undici"
import { Agent as Agent7 } from "undici"
import type { Session } from "../../scenario.ts"
import { Agent, Pool, request } from "../undiciHere.ts"
import { check, counted, pieces, repeat, type Start, type Transfer, type Way } from "./transfer.ts"

/** What is asked for beside the address. */
type Options = Pick<Dispatcher.RequestOptions, "method" | "headers" | "body">

/** One of undici's faces. */
const face = (
  transfer: Transfer,
  way: Way,
  ask: (options: Options) => Promise<Dispatcher.ResponseData>,
  stop: () => Promise<void>
): Session => {
  const get: Options = { method: "GET" }
  const stream = async (): Promise<number> => {
    const { statusCode, body } = await ask(get)
    check(statusCode)
    let size = 0
    for await (const bytes of body) size += (bytes as Uint8Array).length
    return size
  }
  const memory = async (): Promise<number> => {
    const { statusCode, body } = await ask(get)
    check(statusCode)
    return (await body.arrayBuffer()).byteLength
  }
  const headers = { "content-length": String(transfer.size) }
  const upload = async (): Promise<number> => {
    const body = Readable.from(pieces(transfer.size), { objectMode: false })
    const response = await ask({ method: "PUT", headers, body })
    check(response.statusCode)
    return counted(await response.body.text())
  }
  return repeat(transfer, { stream, memory, upload }[way], stop)
}

/** One connection. */
const options = ({ ca }: Transfer) => ({ connections: 1, pipelining: 1, connect: { ca } })

/** `Pool.request`. */
export const undiciPool: Start = async (transfer, way) => {
  const { origin, pathname } = new URL(transfer.url)
  const pool = new Pool(origin, options(transfer))
  return face(transfer, way, (given) => pool.request({ ...given, path: pathname }), () => pool.destroy())
}

/** `request` with an `Agent`. */
export const undiciRequest: Start = async (transfer, way) => {
  const dispatcher = new Agent(options(transfer))
  return face(transfer, way, (given) => request(transfer.url, { ...given, dispatcher }), () => dispatcher.destroy())
}

/** The agent that `fetch` is given, with one connection: undici 7's, because the undici in Node does not take undici 8's. */
export const agentOf = (transfer: Transfer): Agent7 => new Agent7(options(transfer))

/** The `fetch` of Node. */
export const builtInFetch: Start = async (transfer, way) => {
  const dispatcher = agentOf(transfer)
  // The types of `fetch` are those of browsers, which have no dispatcher.
  const init: object = { dispatcher }
  const get = async (): Promise<Response> => {
    const response = await fetch(transfer.url, init)
    check(response.status)
    return response
  }
  const stream = async (): Promise<number> => {
    const { body } = await get()
    let size = 0
    // The types of browsers do not know that it can be iterated over.
    for await (const bytes of body as unknown as AsyncIterable<Uint8Array>) size += bytes.length
    return size
  }
  const memory = async (): Promise<number> => (await (await get()).arrayBuffer()).byteLength
  const headers = { "content-length": String(transfer.size) }
  const upload = async (): Promise<number> => {
    const source = pieces(transfer.size)
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        const next = source.next()
        if (next.value === undefined) controller.close()
        else controller.enqueue(next.value)
      }
    })
    const response = await fetch(transfer.url, { ...init, method: "PUT", headers, body, duplex: "half" } as RequestInit)
    check(response.status)
    return counted(await response.text())
  }
  return repeat(transfer, { stream, memory, upload }[way], () => dispatcher.destroy())
}
