/** undici's APIs: `Pool.request`, and `request` with an `Agent`. */
import type { Dispatcher } from "undici"
import { agentOptions } from "./agentOptions.ts"
import type { Body, Load, Start } from "./load.ts"
import { at, checkStatus, contentType, originOf, pathOf, promises } from "./load.ts"
import { Agent, Pool, request } from "./undiciHere.ts"

const read = (load: Load, { body, statusCode }: Dispatcher.ResponseData): Promise<Body> => {
  checkStatus(statusCode)
  return load.read === "text" ? body.text() : body.arrayBuffer()
}

const headers = { "content-type": contentType }

export const viaPool: Start = async (load) => {
  const client = new Pool(originOf(load), agentOptions(load))
  const paths = load.urls.map(pathOf)
  const { body } = load
  const one = async (index: number): Promise<Body> => {
    const path = at(paths, index)
    return read(
      load,
      await client.request(body === undefined ? { path, method: "GET" } : { path, method: "POST", headers, body })
    )
  }
  return promises(load, one, () => client.destroy())
}

export const viaAgent: Start = async (load) => {
  const dispatcher = new Agent(agentOptions(load))
  const { body, urls } = load
  const one = async (index: number): Promise<Body> => {
    const url = at(urls, index)
    return read(
      load,
      await request(url, body === undefined ? { dispatcher } : { dispatcher, method: "POST", headers, body })
    )
  }
  return promises(load, one, () => dispatcher.destroy())
}
