/** Responses that have no body: those that announce one all the same, and those that do not. */
import { head, ok } from "./over.ts"

const chunked = "Transfer-Encoding: chunked"

/** What a server may send late: a whole response, which must not answer the next request. */
export const late = ok("POISON")

/** A response that announces a body, and what is read of it. */
export const announcing: ReadonlyArray<readonly [name: string, method: string, reply: string, text: string]> = [
  ["204 with a Content-Length", "DELETE", head("HTTP/1.1 204 No Content", `Content-Length: ${late.length}`), ""],
  ["204 that is chunked", "DELETE", head("HTTP/1.1 204 No Content", chunked), ""],
  ["204 that is gzip, chunked", "DELETE", head("HTTP/1.1 204 No Content", "Transfer-Encoding: gzip, chunked"), ""],
  ["205 with a body", "DELETE", head("HTTP/1.1 205 Reset Content", "Content-Length: 3") + "abc", "abc"],
  ["205 with a chunk", "DELETE", head("HTTP/1.1 205 Reset Content", chunked) + "3\r\nabc\r\n0\r\n\r\n", "abc"],
  ["304 with two lengths", "GET", head("HTTP/1.1 304 Not Modified", "Content-Length: 1", "Content-Length: 2"), ""],
  ["304 with both fields", "GET", head("HTTP/1.1 304 Not Modified", "Content-Length: 1", chunked), ""],
  ["200 to HEAD with two lengths", "HEAD", head("HTTP/1.1 200 OK", "Content-Length: 1, 2"), ""],
  ["100 with a Content-Length", "GET", head("HTTP/1.1 100 Continue", "Content-Length: 3") + ok("abc"), "abc"],
  ["103 that is chunked", "GET", head("HTTP/1.1 103 Early Hints", chunked) + ok("abc"), "abc"]
]

/** A response that announces nothing, or may describe what is not there. */
export const harmless: ReadonlyArray<readonly [name: string, method: string, reply: string]> = [
  ["204", "DELETE", head("HTTP/1.1 204 No Content")],
  ["204 with Content-Length: 0", "DELETE", head("HTTP/1.1 204 No Content", "Content-Length: 0")],
  ["205 with Content-Length: 0", "DELETE", head("HTTP/1.1 205 Reset Content", "Content-Length: 0")],
  ["205 of no chunk but the last", "DELETE", head("HTTP/1.1 205 Reset Content", chunked) + "0\r\n\r\n"],
  ["304 with a Content-Length", "GET", head("HTTP/1.1 304 Not Modified", "Content-Length: 500")],
  ["304 that would be chunked", "GET", head("HTTP/1.1 304 Not Modified", chunked)],
  ["200 to HEAD with a Content-Length", "HEAD", head("HTTP/1.1 200 OK", "Content-Length: 500")],
  ["103 with Content-Length: 0", "GET", head("HTTP/1.1 103 Early Hints", "Content-Length: 0") + ok()]
]
