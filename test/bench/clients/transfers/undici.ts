/** undici and `fetch`, which is undici too. */
import { Readable } from "node:stream"
import { Agent, Pool } from "undici"
import { check, counted, pieces, repeat, type Start, type Transfer } from "./transfer.ts"

/** `Pool.request` on one connection. */
export const undiciPool: Start = async (transfer, way) => {
  const { origin, pathname } = new URL(transfer.url)
  const pool = new Pool(origin, { connections: 1, pipelining: 1, connect: { ca: transfer.ca } })
  const get = { path: pathname, method: "GET" } as const
  const stream = async (): Promise<number> => {
    const { statusCode, body } = await pool.request(get)
    check(statusCode)
    let size = 0
    for await (const bytes of body) size += (bytes as Uint8Array).length
    return size
  }
  const memory = async (): Promise<number> => {
    const { statusCode, body } = await pool.request(get)
    check(statusCode)
    return (await body.arrayBuffer()).byteLength
  }
  const headers = { "content-length": String(transfer.size) }
  const upload = async (): Promise<number> => {
    const body = Readable.from(pieces(transfer.size), { objectMode: false })
    const response = await pool.request({ path: pathname, method: "PUT", headers, body })
    check(response.statusCode)
    return counted(await response.body.text())
  }
  return repeat(transfer, { stream, memory, upload }[way], () => pool.destroy())
}

/** The agent that `fetch` is given, with one connection. Node takes this one, although the undici that it contains is older. */
export const agentOf = ({ ca }: Transfer): Agent => new Agent({ connections: 1, pipelining: 1, connect: { ca } })

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
