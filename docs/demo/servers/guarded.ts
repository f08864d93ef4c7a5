/** A server that wants credentials: Basic under `/basic`, and a digest everywhere else. */
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import * as http from "node:http"
import { listen } from "./listen.ts"

const hash = (text: string): string => createHash("sha256").update(text).digest("hex")

/**
 * Knows one user, `ann`, whose password is `secret`. It says how often it has asked for
 * credentials.
 */
export const startGuarded = Effect.suspend(() => {
  const nonce = hash(String(process.hrtime.bigint()))
  let asked = 0
  return listen(http.createServer(({ headers: { authorization = "" }, method, url = "" }, response) => {
    const refuse = (challenge: string) => {
      asked++
      response.writeHead(401, { "WWW-Authenticate": challenge, "Content-Length": 0 }).end()
    }
    if (url === "/basic") {
      if (authorization === `Basic ${btoa("ann:secret")}`) response.end("hello, ann\n")
      else refuse("Basic realm=\"demo\", charset=\"UTF-8\"")
      return
    }
    const param = (name: string) => new RegExp(`\\b${name}="?([^",]*)`).exec(authorization)?.[1]
    const secret = hash("ann:demo:secret")
    const middle = [nonce, param("nc"), param("cnonce"), "auth"].join(":")
    if (param("response") === hash(`${secret}:${middle}:${hash(`${method}:${url}`)}`)) response.end(`asked ${asked}\n`)
    else refuse(`Digest realm="demo", nonce="${nonce}", algorithm=SHA-256, qop="auth"`)
  }))
})
