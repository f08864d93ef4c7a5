/** `node:http` and `node:https` with a keep-alive agent, read by `data` events; and the agents for those that are built on it. */
import * as http from "node:http"
import * as https from "node:https"
import type { Body, Load, Start } from "./load.ts"
import { at, contentType, promises } from "./load.ts"

/** The agents that axios and got take too. */
export const agentsOf = ({ ca, connections }: Load): { readonly http: http.Agent; readonly https: https.Agent } => {
  const options = { keepAlive: true, maxSockets: connections, maxFreeSockets: connections }
  return { http: new http.Agent(options), https: new https.Agent(ca === undefined ? options : { ...options, ca }) }
}

export const stopAgents = (agents: ReturnType<typeof agentsOf>): void => {
  agents.http.destroy()
  agents.https.destroy()
}

const readText = (response: http.IncomingMessage, resolve: (body: Body) => void): void => {
  let text = ""
  response.setEncoding("utf8")
  response.on("data", (piece: string) => {
    text += piece
  })
  response.on("end", () => resolve(text))
}

const readBytes = (response: http.IncomingMessage, resolve: (body: Body) => void): void => {
  const pieces: Array<Buffer> = []
  response.on("data", (piece: Buffer) => {
    pieces.push(piece)
  })
  response.on("end", () => resolve(Buffer.concat(pieces)))
}

export const start: Start = async (load) => {
  const agents = agentsOf(load)
  const { body } = load
  const read = load.read === "text" ? readText : readBytes
  const secure = load.urls[0]?.startsWith("https:") === true
  const { request } = secure ? https : http
  const agent = secure ? agents.https : agents.http
  // Options rather than a URL, which it would take apart each time.
  const options = load.urls.map((url): http.RequestOptions => {
    const { hostname, pathname, port } = new URL(url)
    const options = { agent, hostname, port, path: pathname }
    return body === undefined ? options : {
      ...options,
      method: "POST",
      headers: { "content-type": contentType, "content-length": Buffer.byteLength(body) }
    }
  })
  const one = (index: number): Promise<Body> =>
    new Promise((resolve, reject) => {
      request(at(options, index), (response) => {
        response.on("error", reject)
        if (response.statusCode !== 200) reject(new Error(`status ${response.statusCode}`))
        else read(response, resolve)
      }).on("error", reject).end(body)
    })
  return promises(load, one, () => stopAgents(agents))
}
