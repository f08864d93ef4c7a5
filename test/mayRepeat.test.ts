/** `HttpError.mayRepeat`: which request may be sent again after which error. */
import * as PlatformError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { describe, expect, it } from "vitest"
import * as HttpError from "../src/HttpError.ts"
import * as HttpFields from "../src/HttpFields.ts"
import * as HttpRequest from "../src/HttpRequest.ts"
import { withContext } from "../src/internal/error/base.ts"
import { requestError } from "../src/internal/platform/errors.ts"
import { isIdempotent } from "../src/internal/repeat.ts"

const url = "http://a.test/"
const get = HttpRequest.get(url)
const post = HttpRequest.post(url)
const keyed = HttpRequest.post(url, { headers: { "IDEMPOTENCY-key": "k" } })

const lost = (context: Partial<HttpError.ErrorContext>): HttpError.HttpError => {
  const error = new HttpError.ReadError({ code: "ECONNRESET", cause: undefined })
  return withContext(error, { ...error.context, ...context })
}

describe("by context", () => {
  const cases: ReadonlyArray<
    readonly [context: Partial<HttpError.ErrorContext>, get: boolean, post: boolean, keyed: boolean]
  > = [
    [{ processed: "No" }, true, true, true],
    [{ processed: "Unknown" }, true, false, true],
    [{ processed: "Yes" }, true, false, true],
    [{ processed: "No", replayable: false }, false, false, false],
    [{ processed: "Unknown", replayable: false }, false, false, false],
    [{ processed: "No", fault: "User" }, false, false, false],
    [{ processed: "No", fault: "Remote" }, true, true, true],
    [{ processed: "No", fault: "Local" }, true, true, true],
    // A pool has sent it twice: what the server may have seen is in `processed`.
    [{ processed: "Unknown", resends: 1 }, true, false, true]
  ]
  it.each(cases)("%j: GET %s, POST %s, POST with a key %s", (context, ...expected) => {
    const error = lost(context)
    expect([get, post, keyed].map((request) => HttpError.mayRepeat(error, request))).toEqual(expected)
    expect([get, post, keyed].map((request) => HttpError.mayRepeat(request)(error))).toEqual(expected)
  })

  it.each([
    ["GET", true],
    ["HEAD", true],
    ["OPTIONS", true],
    ["PUT", true],
    ["DELETE", true],
    ["TRACE", true],
    ["POST", false],
    ["PATCH", false],
    ["CONNECT", false],
    ["LOCK", false],
    // Methods are case-sensitive, and this one is nobody's.
    ["get", false]
  ])("%s is idempotent: %s", (method, expected) => {
    expect(isIdempotent(HttpRequest.make(method, url))).toBe(expected)
    expect(HttpError.mayRepeat(lost({ processed: "Unknown" }), HttpRequest.make(method, url))).toBe(expected)
  })
})

const fields = HttpFields.empty
const bodyPrefix = new Uint8Array()
const tls = (reason: HttpError.TlsReason) =>
  new HttpError.TlsError({ reason, code: "X", serverName: "a.test", names: undefined, cause: undefined })

describe("by tag, nothing having been processed", () => {
  const never: ReadonlyArray<HttpError.HttpError> = [
    new HttpError.InvalidUrl({ part: "host", reason: "r" }),
    new HttpError.ProxyAuthRequired({ challenges: [], fields, bodyPrefix }),
    new HttpError.AddressRefused({ host: "a", address: "10.0.0.1", port: 80, rule: "Private", range: "10.0.0.0/8" }),
    ...[403, 407, 502].map((status) => new HttpError.ProxyConnectError({ status, reason: "", fields, bodyPrefix })),
    new HttpError.RequestBodyError({ error: "e" }),
    new HttpError.BodyLengthMismatch({ declared: 1, actual: 2 }),
    new HttpError.PoolClosed(),
    new HttpError.ConnectionClosed({ reason: "r" }),
    new HttpError.LineTooLong({ what: "field line", limit: 1 } as never),
    new HttpError.BodyTooLarge({ limit: 1 }),
    new HttpError.BodyDecodeError({ format: "json", reason: "r" }),
    new HttpError.NotEventStream({ contentType: undefined }),
    new HttpError.EventTooLarge({ limit: 1 }),
    new HttpError.TooManyRedirects({ limit: 1, history: [] }),
    new HttpError.RedirectLoop({ history: [] }),
    ...[301, 400, 404, 500, 501].map((status) => new HttpError.StatusError({ status, reason: "", fields, bodyPrefix })),
    tls("CertificateExpired"),
    tls("HostnameMismatch"),
    tls("NotTls"),
    tls("Alert"),
    tls("InvalidOptions")
  ]
  it.each(never.map((error) => [error._tag, error] as const))("%s is never repeated", (_, error) => {
    expect(HttpError.mayRepeat(error, get)).toBe(false)
  })

  const passing: ReadonlyArray<HttpError.HttpError> = [
    new HttpError.ConnectError({ reason: "Refused", code: "X", target: "a", attempts: [], cause: undefined }),
    new HttpError.DnsError({ host: "a", reason: "Temporary", code: "X", cause: undefined }),
    new HttpError.HttpTimeout({ kind: "connect", millis: 1 }),
    new HttpError.PoolQueueFull({ limit: 1 }),
    ...[408, 425, 429, 502, 503, 504].map((status) =>
      new HttpError.StatusError({ status, reason: "", fields, bodyPrefix })
    ),
    tls("Closed")
  ]
  it.each(passing.map((error) => [error._tag, error] as const))("%s may pass, for a POST too", (_, error) => {
    expect(HttpError.mayRepeat(error, post)).toBe(true)
  })
})

describe("of the platform", () => {
  const platformPost = HttpClientRequest.post(url)
  const platformKeyed = HttpClientRequest.setHeader(platformPost, "Idempotency-Key", "k")

  it("an error counts as the error of this library that is its cause, and headers are looked at", () => {
    const error = requestError(platformPost, lost({ processed: "Unknown" }) as HttpError.ReadError)
    expect(HttpError.mayRepeat(error, platformPost)).toBe(false)
    expect(HttpError.mayRepeat(error, platformKeyed)).toBe(true)
    expect(HttpError.mayRepeat(error, HttpClientRequest.get(url))).toBe(true)
  })

  it("of an error without such a cause nothing is known", () => {
    const request = HttpClientRequest.get(url)
    expect(HttpError.mayRepeat(new PlatformError.RequestError({ request, reason: "Transport" }), request)).toBe(false)
    expect(HttpError.mayRepeat(new Error("e"), get)).toBe(false)
    expect(HttpError.mayRepeat(undefined, get)).toBe(false)
  })
})
