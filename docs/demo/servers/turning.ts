/**
 * Servers that do not answer at once: with redirects, with a 401, or only to the second request.
 */
import * as Effect from "effect/Effect"
import * as http from "node:http"
import { host, listen } from "./listen.ts"

/** Returns what was requested, and whether there were credentials. */
const elsewhere = Effect.suspend(() =>
  listen(http.createServer(({ headers: { authorization }, method, url }, response) => {
    response.end(`${method} ${url}, ${authorization === undefined ? "without" : "with"} credentials\n`)
  }))
)

/**
 * Accepts an order and redirects to its page, and from there to another origin. `/round` leads to
 * itself.
 */
export const startRedirecting = Effect.flatMap(elsewhere, (other) =>
  listen(http.createServer((request, response) => {
    const to = (status: number, location: string) =>
      response.writeHead(status, { Location: location, "Content-Length": 0 }).end()
    // To its end, so that the connection can be reused.
    request.resume().once("end", () => {
      if (request.method === "POST" && request.url === "/orders") to(303, "/orders/7")
      else if (request.url === "/orders/7") to(307, `http://${host}:${other}/archive/7`)
      else if (request.url === "/round") to(302, "/round")
      else response.writeHead(404).end()
    })
  })))

/** Answers `/login` with a cookie and a redirect to a page that lists the received cookies. */
export const startLogin = Effect.suspend(() =>
  listen(http.createServer(({ headers: { cookie }, url }, response) => {
    if (url === "/login") {
      response.writeHead(303, {
        Location: "/account",
        "Set-Cookie": "session=1; HttpOnly; Path=/",
        "Content-Length": 0
      }).end()
    } else response.end(`${url} with ${cookie ?? "no cookie"}\n`)
  }))
)

/**
 * Issues tokens under `/token`, and accepts the last one everywhere else. `/revoke` ends all
 * earlier ones.
 */
export const startTokens = Effect.suspend(() => {
  let given = 0
  let accepted = 0
  return listen(http.createServer(({ headers: { authorization }, url }, response) => {
    if (url === "/token") response.end(`token-${accepted = ++given}`)
    else if (url === "/revoke") response.end(String(accepted = -1))
    else if (authorization === `Bearer token-${accepted}`) response.end("items\n")
    else response.writeHead(401, { "WWW-Authenticate": "Bearer", "Content-Length": 0 }).end()
  }))
})

/** Closes the connection on the first request of each method and path, and answers the next one. */
export const startUnsteady = Effect.suspend(() => {
  const seen = new Map<string, number>()
  return listen(http.createServer((request, response) => {
    const what = `${request.method} ${request.url}`
    const times = (seen.get(what) ?? 0) + 1
    seen.set(what, times)
    request.resume().once("end", () => {
      if (times === 1) request.socket.destroy()
      else response.end(`${what}, for the ${times}. time\n`)
    })
  }))
})

/**
 * A list of nine items in pages of three, whose Link fields lead to the next page and to the first.
 */
export const startPages = Effect.suspend(() =>
  listen(http.createServer((request, response) => {
    const page = Number(new URL(request.url ?? "/", "http://localhost").searchParams.get("page") ?? 1)
    const next = page < 3 ? `<?page=${page + 1}>; rel="next"; title*=UTF-8''n%c3%a4chste%2C, ` : ""
    response.writeHead(200, { Link: `${next}</items>; rel=first` })
    response.end(JSON.stringify([1, 2, 3].map((item) => `item ${(page - 1) * 3 + item}`)))
  }))
)
