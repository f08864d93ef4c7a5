/** `node:http` and `node:https`, and the clients over them: axios and got. All keep one connection open. */
import * as http from "node:http"
import * as https from "node:https"
import { Readable } from "node:stream"
import { check, counted, pieces, repeat, type Start, type Transfer } from "./transfer.ts"

const agentsOf = ({ ca }: Transfer) => {
  const options = { keepAlive: true, maxSockets: 1 }
  const agents = { http: new http.Agent(options), https: new https.Agent({ ...options, ca }) }
  return {
    agents,
    stop: async (): Promise<void> => {
      agents.http.destroy()
      agents.https.destroy()
    }
  }
}

const readable = (transfer: Transfer): Readable => Readable.from(pieces(transfer.size), { objectMode: false })

const sizeOf = async (body: AsyncIterable<unknown>): Promise<number> => {
  let size = 0
  for await (const bytes of body) size += (bytes as Uint8Array).length
  return size
}

/** `node:http`. */
export const nodeHttp: Start = async (transfer, way) => {
  const { agents, stop } = agentsOf(transfer)
  const secure = transfer.url.startsWith("https:")
  const { request } = secure ? https : http
  const agent = secure ? agents.https : agents.http
  const send = (options: http.RequestOptions, body?: Readable): Promise<http.IncomingMessage> =>
    new Promise((resolve, reject) => {
      const sent = request(transfer.url, { ...options, agent }, (response) => {
        check(response.statusCode)
        resolve(response)
      })
      sent.once("error", reject)
      if (body === undefined) sent.end()
      else body.pipe(sent)
    })
  const collect = async (response: http.IncomingMessage): Promise<Buffer> => {
    const all: Array<Buffer> = []
    await new Promise((resolve, reject) => {
      response.on("data", (bytes: Buffer) => all.push(bytes)).once("end", resolve).once("error", reject)
    })
    return Buffer.concat(all)
  }
  const headers = { "content-length": String(transfer.size) }
  const ways = {
    stream: async () => sizeOf(await send({})),
    memory: async () => (await collect(await send({}))).length,
    upload: async () => {
      const response = await send({ method: "PUT", headers }, readable(transfer))
      return counted((await collect(response)).toString("latin1"))
    }
  }
  return repeat(transfer, ways[way], stop)
}

/** axios, without redirects, for which it would keep what is uploaded. */
export const axiosHttp: Start = async (transfer, way) => {
  const { default: axios } = await import("axios")
  const { agents, stop } = agentsOf(transfer)
  const client = axios.create({
    httpAgent: agents.http,
    httpsAgent: agents.https,
    proxy: false,
    decompress: false,
    maxRedirects: 0,
    maxBodyLength: Number.POSITIVE_INFINITY
  })
  const headers = { "content-length": String(transfer.size) }
  const ways = {
    stream: async () => {
      const { status, data } = await client.get<Readable>(transfer.url, { responseType: "stream" })
      check(status)
      return sizeOf(data)
    },
    memory: async () => {
      const { status, data } = await client.get<Buffer>(transfer.url, { responseType: "arraybuffer" })
      check(status)
      return data.length
    },
    upload: async () => {
      const { status, data } = await client.put<string>(transfer.url, readable(transfer), {
        headers,
        responseType: "text"
      })
      check(status)
      return counted(data)
    }
  }
  return repeat(transfer, ways[way], stop)
}

/** got. */
export const gotHttp: Start = async (transfer, way) => {
  const { default: got } = await import("got")
  const { agents, stop } = agentsOf(transfer)
  const client = got.extend({
    agent: agents,
    retry: { limit: 0 },
    decompress: false,
    https: { certificateAuthority: transfer.ca }
  })
  const headers = { "content-length": String(transfer.size) }
  const ways = {
    stream: async () => {
      const stream = client.stream(transfer.url)
      stream.once("response", (response: http.IncomingMessage) => check(response.statusCode))
      return sizeOf(stream)
    },
    memory: async () => {
      const { statusCode, body } = await client(transfer.url, { responseType: "buffer" })
      check(statusCode)
      return body.length
    },
    upload: async () => {
      const { statusCode, body } = await client.put(transfer.url, { headers, body: readable(transfer) })
      check(statusCode)
      return counted(body)
    }
  }
  return repeat(transfer, ways[way], stop)
}
