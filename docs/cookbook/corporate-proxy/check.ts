/** Runs the program in an imitated company: a proxy with credentials, and a private authority. */
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import * as http from "node:http"
import * as https from "node:https"
import * as net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Duplex } from "node:stream"
import { certificates } from "../../../test/fixtures/certificates.ts"
import { host, listen, unusedPort } from "../../demo/servers/listen.ts"
import { holds, same } from "../expect.ts"
import { advice, get, layer } from "./program.ts"

const accepted = `Basic ${Buffer.from("ann:open sesame").toString("base64")}`
const denied = "egress; error=http_request_denied; details=\"not on the list\""

/** A proxy that forwards, opens tunnels, wants credentials, and refuses one name. */
const startProxy = Effect.gen(function*() {
  const asked: Array<string> = []
  const server = http.createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    if (request.headers["proxy-authorization"] !== accepted) {
      return void response.writeHead(407, { "Proxy-Authenticate": "Basic realm=\"company\"" }).end()
    }
    const { "proxy-authorization": _, ...headers } = request.headers
    http.get(request.url ?? "", { headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
  })
  server.on("connect", (request: http.IncomingMessage, socket: Duplex) => {
    asked.push(`CONNECT ${request.url}`)
    socket.on("error", () => {})
    if (request.headers["proxy-authorization"] !== accepted) {
      return void socket.end(
        "HTTP/1.1 407 Who are you\r\nProxy-Authenticate: Basic realm=\"company\"\r\nContent-Length: 0\r\n\r\n"
      )
    }
    const { hostname, port } = new URL(`http://${request.url}`)
    if (hostname === "games.invalid") {
      return void socket.end(`HTTP/1.1 403 Forbidden\r\nProxy-Status: ${denied}\r\nContent-Length: 0\r\n\r\n`)
    }
    const upstream = net.connect(Number(port), hostname, () => {
      socket.write("HTTP/1.1 200 Connected\r\n\r\n")
      upstream.pipe(socket).pipe(upstream)
    })
    upstream.on("error", () => socket.destroy())
    socket.on("close", () => upstream.destroy())
  })
  return { address: `${host}:${yield* listen(server)}`, asked }
})

/** Says which of the fields for a proxy have arrived, of which there should be none. */
const answer: http.RequestListener = ({ headers }, response) =>
  void response.end(`hello${headers["proxy-authorization"] ?? ""}`)

export const check = Effect.gen(function*() {
  const { ca, server: identity } = yield* Effect.promise(certificates)
  const directory = yield* Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "company-"))),
    (directory) => Effect.promise(() => rm(directory, { recursive: true }))
  )
  const caFile = join(directory, "ca.pem")
  yield* Effect.promise(() => writeFile(caFile, ca))
  const { address, asked } = yield* startProxy
  const outside = `${host}:${yield* listen(https.createServer(identity, answer))}`
  const plain = `${host}:${yield* listen(http.createServer(answer))}`
  const inside = `${host}:${yield* listen(http.createServer(answer))}`

  const logged: Array<string> = []
  const logger = Logger.make(({ annotations, message }) =>
    void logged.push(JSON.stringify([message, [...annotations]]))
  )
  /** The program with these variables and no others. */
  const runIn = (variables: Readonly<Record<string, string>>, url: string) =>
    get(url).pipe(
      Effect.provide(layer(variables)),
      Effect.provide(Layer.setConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(variables))))),
      Effect.provide(Logger.replace(Logger.defaultLogger, logger))
    )
  const company = {
    HTTP_PROXY: `http://${address}`,
    HTTPS_PROXY: `http://${address}`,
    NO_PROXY: `localhost,.company.example,${inside}`,
    PROXY_USERNAME: "ann",
    PROXY_PASSWORD: "open sesame",
    COMPANY_CA_FILE: caFile
  }
  const good = { status: 200, text: "hello" }
  yield* same("https", yield* runIn(company, `https://${outside}/`), good)
  yield* same("http", yield* runIn(company, `http://${plain}/`), good)
  yield* same("inside", yield* runIn(company, `http://${inside}/`), good)
  yield* same("what the proxy was asked", asked.splice(0), [`CONNECT ${outside}`, `GET http://${plain}/`])

  const { HTTPS_PROXY: _, HTTP_PROXY: __, ...others } = company
  yield* same("ALL_PROXY", yield* runIn({ ...others, ALL_PROXY: `http://${address}` }, `https://${outside}/`), good)
  yield* same("asked", asked.splice(0), [`CONNECT ${outside}`])
  yield* same("no proxy", yield* runIn(others, `https://${outside}/`), good)
  yield* same("asked", asked.splice(0), [])

  const failureIn = (variables: Readonly<Record<string, string>>, url: string) =>
    Effect.flip(runIn(variables, url)).pipe(
      Effect.map((error) => "context" in error ? [error._tag, advice(error)] : [error._tag, error.message])
    )
  const [refused, aboutRefused] = yield* failureIn({ ...company, PROXY_PASSWORD: "guess-7" }, `https://${outside}/`)
  yield* same("wrong credentials", refused, "ProxyAuthRequired")
  yield* holds(
    "their advice",
    aboutRefused?.startsWith(`Proxy team: ${address} refused our credentials`) === true,
    aboutRefused
  )
  yield* same("a refused tunnel", yield* failureIn(company, "https://games.invalid/"), [
    "ProxyConnectError",
    "Proxy team: please allow https://games.invalid:443 (status 403; egress reports http_request_denied: not on the list)"
  ])
  const { COMPANY_CA_FILE: ___, ...withoutCa } = company
  const untrusted = yield* failureIn(withoutCa, `https://${outside}/`)
  yield* holds(
    "no authority",
    untrusted[1]?.startsWith("Ourselves: is the company's authority in COMPANY_CA_FILE?") === true,
    untrusted
  )
  const dead = yield* failureIn(
    { ...company, HTTPS_PROXY: `http://${host}:${yield* unusedPort}` },
    `https://${outside}/`
  )
  yield* holds("a dead proxy", dead[1]?.startsWith("Ourselves: is the proxy's address right") === true, dead)
  const unusable = yield* failureIn({ ...company, HTTPS_PROXY: "ftp://secret-1@proxy.example" }, `https://${outside}/`)
  yield* same("an unusable variable", unusable[0], "InvalidOption")

  const said = JSON.stringify([logged, aboutRefused, untrusted, dead, unusable])
  yield* holds("what is said has no secret", !/open sesame|guess-7|secret-1/.test(said), said)
})
