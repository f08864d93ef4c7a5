/**
 * Node's own `fetch`, over an `Agent` of undici 7 with as many connections as the scenario has. Node takes one as `dispatcher`, although
 * the undici that it contains is older. It does not take that of undici 8.
 */
import { Agent } from "undici"
import { agentOptions } from "./agentOptions.ts"
import type { Body, Start } from "./load.ts"
import { at, checkStatus, contentType, promises } from "./load.ts"

export const start: Start = async (load) => {
  const dispatcher = new Agent(agentOptions(load))
  const { body, urls } = load
  // The types of `fetch` are those of browsers, which have no dispatcher.
  const options: object = body === undefined
    ? { dispatcher }
    : { dispatcher, method: "POST", headers: { "content-type": contentType }, body }
  const one = async (index: number): Promise<Body> => {
    const response = await fetch(at(urls, index), options as RequestInit)
    checkStatus(response.status)
    return load.read === "text" ? response.text() : response.arrayBuffer()
  }
  return promises(load, one, () => dispatcher.destroy())
}
