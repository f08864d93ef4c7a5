/** got over keep-alive agents of `node:http`, without retries, redirects and decompression. */
import got from "got"
import type { Body, Start } from "./load.ts"
import { at, checkStatus, contentType, promises } from "./load.ts"
import { agentsOf, stopAgents } from "./nodeHttp.ts"

export const start: Start = async (load) => {
  const agents = agentsOf(load)
  const { body, urls } = load
  const client = got.extend({ agent: agents, retry: { limit: 0 }, followRedirect: false, decompress: false })
  const options = body === undefined
    ? {}
    : { method: "POST" as const, headers: { "content-type": contentType }, body }
  const text = async (index: number): Promise<Body> => {
    const response = await client(at(urls, index), { ...options, responseType: "text" })
    checkStatus(response.statusCode)
    return response.body
  }
  const bytes = async (index: number): Promise<Body> => {
    const response = await client(at(urls, index), { ...options, responseType: "buffer" })
    checkStatus(response.statusCode)
    return response.body
  }
  return promises(load, load.read === "text" ? text : bytes, () => stopAgents(agents))
}
