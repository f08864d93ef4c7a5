/**
 * A server's half of digests (RFC 7616), written apart from the client's: it reads Authorization by itself, checks every parameter,
 * and notes what it was sent.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import type * as http from "node:http"

export interface Policy {
  readonly username?: string
  readonly password?: string
  readonly realm?: string
  /** One challenge for each, in this order; `undefined` names none. */
  readonly algorithms?: ReadonlyArray<string | undefined>
  /** `undefined`: the digests of RFC 2069. */
  readonly qop?: string | undefined
  readonly opaque?: string
  readonly userhash?: boolean
  readonly charset?: boolean
  readonly domain?: string
  /** For how many requests a nonce is good. */
  readonly uses?: number
  /** All challenges have the same nonce until it was good for so many requests; then it is too old. */
  readonly shared?: number
  /** All challenges have the same nonce. */
  readonly sameNonce?: boolean
  /** Sends another nonce with each response. */
  readonly nextnonce?: boolean
  /** Proves that it knows the password, or something else. */
  readonly proof?: "right" | "wrong"
  /** Says nothing of `stale`. */
  readonly silent?: boolean
}

export interface Asked {
  readonly method: string
  readonly target: string
  readonly authorization: string | undefined
  readonly body: Uint8Array
}

export interface Answered {
  readonly status: number
  readonly fields: ReadonlyArray<readonly [string, string]>
}

const functions: Readonly<Record<string, string>> = { MD5: "md5", "SHA-256": "sha256", "SHA-512-256": "sha512-256" }

const digest = (algorithm: string, data: string | Uint8Array): string =>
  createHash(functions[algorithm.replace("-sess", "").toUpperCase()] ?? "").update(
    typeof data === "string" ? Buffer.from(data, "latin1") : data
  ).digest("hex")

/** The parameters of Authorization, and which of them were quoted. */
export const paramsOf = (value: string) => {
  const params: Record<string, string> = {}
  const quoted = new Set<string>()
  for (const [, name = "", inner, bare] of value.matchAll(/([\w*]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))(?:, |$)/g)) {
    if (name in params) throw new Error(`${name} twice`)
    params[name] = inner?.replace(/\\(.)/g, "$1") ?? bare ?? ""
    if (inner !== undefined) quoted.add(name)
  }
  return { params, quoted }
}

const mustBeQuoted = new Set(["username", "realm", "nonce", "uri", "response", "cnonce", "opaque"])

export class DigestServer {
  readonly #policy: Policy
  readonly #nonces = new Map<string, { uses: number; readonly counts: Set<string> }>()
  #made = 0
  /** What each request was answered with. */
  readonly log: Array<string> = []
  challenges = 0
  /** All values of Authorization, in their order. */
  readonly seen: Array<string> = []

  constructor(policy: Policy = {}) {
    this.#policy = policy
  }

  /** Forgets all nonces, as a restart does. */
  restart(): void {
    this.#nonces.clear()
  }

  #newNonce(): string {
    const { sameNonce, shared } = this.#policy
    const isGood = shared !== undefined && (this.#nonces.get(`n${this.#made}`)?.uses ?? shared) < shared
    const nonce = sameNonce === true ? "n" : isGood ? `n${this.#made}` : `n${++this.#made}`
    if (!this.#nonces.has(nonce)) this.#nonces.set(nonce, { uses: 0, counts: new Set() })
    return nonce
  }

  #challenge(stale: boolean): Answered {
    const {
      algorithms = ["SHA-256"],
      charset,
      domain,
      opaque,
      qop = "qop" in this.#policy ? undefined : "auth",
      realm = "r",
      userhash
    } = this.#policy
    this.challenges++
    const nonce = this.#newNonce()
    return {
      status: 401,
      fields: algorithms.map((algorithm) => [
        "WWW-Authenticate",
        [
          `Digest realm="${realm.replace(/["\\]/g, "\\$&")}"`,
          `nonce="${nonce}"`,
          ...qop === undefined ? [] : [`qop="${qop}"`],
          ...algorithm === undefined ? [] : [`algorithm=${algorithm}`],
          ...opaque === undefined ? [] : [`opaque="${opaque}"`],
          ...domain === undefined ? [] : [`domain="${domain}"`],
          ...stale ? ["stale=TRUE"] : [],
          ...charset === true ? ["charset=UTF-8"] : [],
          ...userhash === true ? ["userhash=true"] : []
        ].join(", ")
      ])
    }
  }

  /** What is wrong with the digest; `stale` if that is only its nonce. */
  #wrong(asked: Asked, params: Readonly<Record<string, string>>, quoted: ReadonlySet<string>): string | undefined {
    const { algorithms = ["SHA-256"], opaque, password = "secret", realm = "r", username = "ann" } = this.#policy
    for (const name of Object.keys(params)) {
      if (mustBeQuoted.has(name) !== quoted.has(name)) return `the quotes of ${name}`
    }
    const algorithm = params["algorithm"] ?? "MD5"
    if (!algorithms.some((known) => known === params["algorithm"])) return "algorithm"
    if (params["realm"] !== realm || params["opaque"] !== opaque || params["uri"] !== asked.target) return "a parameter"
    const user = Buffer.from(username, "utf8").toString("latin1")
    const named = params["username*"] === undefined
      ? params["userhash"] === "true" ? digest(algorithm, `${user}:${realm}`) : user
      : `UTF-8''${encodeURIComponent(username)}`
    if (named !== (params["username*"] ?? params["username"])) return "username"
    const { cnonce, nc, nonce = "", qop } = params
    let secret = digest(algorithm, `${user}:${realm}:${Buffer.from(password, "utf8").toString("latin1")}`)
    if (algorithm.endsWith("-sess")) secret = digest(algorithm, `${secret}:${nonce}:${cnonce}`)
    const a2 = `${asked.method}:${asked.target}${qop === "auth-int" ? `:${digest(algorithm, asked.body)}` : ""}`
    const middle = qop === undefined ? nonce : [nonce, nc, cnonce, qop].join(":")
    if (params["response"] !== digest(algorithm, `${secret}:${middle}:${digest(algorithm, a2)}`)) return "response"
    if (qop === undefined) return undefined
    const state = this.#nonces.get(nonce)
    if (state === undefined) return "stale"
    if (!/^[0-9a-f]{8}$/.test(nc ?? "") || state.counts.has(nc ?? "")) return "nc"
    state.counts.add(nc ?? "")
    return ++state.uses > (this.#policy.uses ?? this.#policy.shared ?? Infinity) ? "stale" : undefined
  }

  answer(asked: Asked): Answered {
    const { authorization } = asked
    if (authorization === undefined) {
      this.log.push(`${asked.target} none`)
      return this.#challenge(false)
    }
    this.seen.push(authorization)
    const { params, quoted } = paramsOf(authorization.replace(/^Digest /, ""))
    const wrong = this.#wrong(asked, params, quoted)
    this.log.push(`${asked.target} ${wrong ?? "ok"}`)
    if (wrong !== undefined) return this.#challenge(wrong === "stale" && this.#policy.silent !== true)
    return { status: 200, fields: this.#info(asked, params) }
  }

  #info({ target }: Asked, params: Readonly<Record<string, string>>): Answered["fields"] {
    const { nextnonce, password = "secret", proof, realm = "r", username = "ann" } = this.#policy
    const info: Array<string> = []
    if (nextnonce === true) info.push(`nextnonce="${this.#newNonce()}"`)
    if (proof !== undefined) {
      const { algorithm = "MD5", cnonce, nc, nonce, qop } = params
      const secret = digest(algorithm, `${username}:${realm}:${proof === "right" ? password : "other"}`)
      const middle = qop === undefined ? nonce : [nonce, nc, cnonce, qop].join(":")
      info.push(`rspauth="${digest(algorithm, `${secret}:${middle}:${digest(algorithm, `:${target}`)}`)}"`)
      if (qop !== undefined) info.push(`qop=${qop}`, `cnonce="${cnonce}"`, `nc=${nc}`)
    }
    return info.length === 0 ? [] : [["Authentication-Info", info.join(", ")]]
  }
}

/** A client in memory whose requests the server answers. */
export const clientOf = (server: DigestServer) =>
  HttpClient.make((request, url) =>
    Effect.sync(() => {
      const { fields, status } = server.answer({
        method: request.method,
        target: url.pathname + url.search,
        authorization: request.headers["authorization"],
        body: request.body._tag === "Uint8Array" ? request.body.body : new Uint8Array(0)
      })
      return HttpClientResponse.fromWeb(
        request,
        new Response(null, { status, headers: fields.map(([name, value]): [string, string] => [name, value]) })
      )
    })
  )

/** As a handler of Node's. */
export const handlerOf = (server: DigestServer): http.RequestListener => (request, response) => {
  const pieces: Array<Buffer> = []
  request.on("data", (piece: Buffer) => pieces.push(piece)).on("end", () => {
    const { fields, status } = server.answer({
      method: request.method ?? "",
      target: request.url ?? "",
      authorization: request.headers.authorization,
      body: Buffer.concat(pieces)
    })
    response.writeHead(status, fields.flatMap(([name, value]) => [name, value]))
    response.end("body")
  })
}
