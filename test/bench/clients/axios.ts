/**
 * axios over keep-alive agents of `node:http`. Its further features are turned off if its options
 * allow it: redirects, decompression, proxies from the environment, and reading JSON if text is
 * requested.
 */
import axios from "axios"
import type { AxiosRequestConfig } from "axios"
import type { Body, Start } from "./load.ts"
import { at, checkStatus, contentType, promises } from "./load.ts"
import { agentsOf, stopAgents } from "./nodeHttp.ts"

const asItIs = (data: unknown): unknown => data

export const start: Start = async (load) => {
  const agents = agentsOf(load)
  const { body, urls } = load
  const client = axios.create({
    adapter: "http",
    httpAgent: agents.http,
    httpsAgent: agents.https,
    maxRedirects: 0,
    decompress: false,
    proxy: false,
    responseType: load.read === "text" ? "text" : "arraybuffer",
    transformRequest: [asItIs],
    transformResponse: [asItIs]
  })
  const options: AxiosRequestConfig = body === undefined ? {} : { headers: { "content-type": contentType } }
  const one = async (index: number): Promise<Body> => {
    const url = at(urls, index)
    const { data, status } = await (body === undefined
      ? client.get<Body>(url, options)
      : client.post<Body>(url, body, options))
    checkStatus(status)
    return data
  }
  return promises(load, one, () => stopAgents(agents))
}
