import { describe, expect, expectTypeOf, it } from "@effect/vitest"
import * as HttpStatus from "../src/HttpStatus.ts"

/** `http.HTTPStatus.__members__` of Python 3.11: name, code, phrase. */
const python: ReadonlyArray<readonly [name: string, code: number, phrase: string]> = [
  ["CONTINUE", 100, "Continue"],
  ["SWITCHING_PROTOCOLS", 101, "Switching Protocols"],
  ["PROCESSING", 102, "Processing"],
  ["EARLY_HINTS", 103, "Early Hints"],
  ["OK", 200, "OK"],
  ["CREATED", 201, "Created"],
  ["ACCEPTED", 202, "Accepted"],
  ["NON_AUTHORITATIVE_INFORMATION", 203, "Non-Authoritative Information"],
  ["NO_CONTENT", 204, "No Content"],
  ["RESET_CONTENT", 205, "Reset Content"],
  ["PARTIAL_CONTENT", 206, "Partial Content"],
  ["MULTI_STATUS", 207, "Multi-Status"],
  ["ALREADY_REPORTED", 208, "Already Reported"],
  ["IM_USED", 226, "IM Used"],
  ["MULTIPLE_CHOICES", 300, "Multiple Choices"],
  ["MOVED_PERMANENTLY", 301, "Moved Permanently"],
  ["FOUND", 302, "Found"],
  ["SEE_OTHER", 303, "See Other"],
  ["NOT_MODIFIED", 304, "Not Modified"],
  ["USE_PROXY", 305, "Use Proxy"],
  ["TEMPORARY_REDIRECT", 307, "Temporary Redirect"],
  ["PERMANENT_REDIRECT", 308, "Permanent Redirect"],
  ["BAD_REQUEST", 400, "Bad Request"],
  ["UNAUTHORIZED", 401, "Unauthorized"],
  ["PAYMENT_REQUIRED", 402, "Payment Required"],
  ["FORBIDDEN", 403, "Forbidden"],
  ["NOT_FOUND", 404, "Not Found"],
  ["METHOD_NOT_ALLOWED", 405, "Method Not Allowed"],
  ["NOT_ACCEPTABLE", 406, "Not Acceptable"],
  ["PROXY_AUTHENTICATION_REQUIRED", 407, "Proxy Authentication Required"],
  ["REQUEST_TIMEOUT", 408, "Request Timeout"],
  ["CONFLICT", 409, "Conflict"],
  ["GONE", 410, "Gone"],
  ["LENGTH_REQUIRED", 411, "Length Required"],
  ["PRECONDITION_FAILED", 412, "Precondition Failed"],
  ["REQUEST_ENTITY_TOO_LARGE", 413, "Request Entity Too Large"],
  ["REQUEST_URI_TOO_LONG", 414, "Request-URI Too Long"],
  ["UNSUPPORTED_MEDIA_TYPE", 415, "Unsupported Media Type"],
  ["REQUESTED_RANGE_NOT_SATISFIABLE", 416, "Requested Range Not Satisfiable"],
  ["EXPECTATION_FAILED", 417, "Expectation Failed"],
  ["IM_A_TEAPOT", 418, "I'm a Teapot"],
  ["MISDIRECTED_REQUEST", 421, "Misdirected Request"],
  ["UNPROCESSABLE_ENTITY", 422, "Unprocessable Entity"],
  ["LOCKED", 423, "Locked"],
  ["FAILED_DEPENDENCY", 424, "Failed Dependency"],
  ["TOO_EARLY", 425, "Too Early"],
  ["UPGRADE_REQUIRED", 426, "Upgrade Required"],
  ["PRECONDITION_REQUIRED", 428, "Precondition Required"],
  ["TOO_MANY_REQUESTS", 429, "Too Many Requests"],
  ["REQUEST_HEADER_FIELDS_TOO_LARGE", 431, "Request Header Fields Too Large"],
  ["UNAVAILABLE_FOR_LEGAL_REASONS", 451, "Unavailable For Legal Reasons"],
  ["INTERNAL_SERVER_ERROR", 500, "Internal Server Error"],
  ["NOT_IMPLEMENTED", 501, "Not Implemented"],
  ["BAD_GATEWAY", 502, "Bad Gateway"],
  ["SERVICE_UNAVAILABLE", 503, "Service Unavailable"],
  ["GATEWAY_TIMEOUT", 504, "Gateway Timeout"],
  ["HTTP_VERSION_NOT_SUPPORTED", 505, "HTTP Version Not Supported"],
  ["VARIANT_ALSO_NEGOTIATES", 506, "Variant Also Negotiates"],
  ["INSUFFICIENT_STORAGE", 507, "Insufficient Storage"],
  ["LOOP_DETECTED", 508, "Loop Detected"],
  ["NOT_EXTENDED", 510, "Not Extended"],
  ["NETWORK_AUTHENTICATION_REQUIRED", 511, "Network Authentication Required"]
]

/** Phrases of RFC 2616 that RFC 9110 replaced; Python 3.13 has the new ones too. */
const renamed: ReadonlyMap<number, string> = new Map([
  [413, "Content Too Large"],
  [414, "URI Too Long"],
  [416, "Range Not Satisfiable"],
  [422, "Unprocessable Content"]
])

/** The IANA registry of 2025, without 306 (Unused). */
const registered = [
  [100, 104],
  [200, 208],
  [226, 226],
  [300, 305],
  [307, 308],
  [400, 418],
  [421, 426],
  [428, 429],
  [431, 431],
  [451, 451],
  [500, 508],
  [510, 511]
].flatMap(([from = 0, to = 0]) => Array.from({ length: to - from + 1 }, (_, i) => from + i))

const constants = Object.entries(HttpStatus).flatMap(([name, value]): ReadonlyArray<readonly [string, number]> =>
  typeof value === "number" && !name.endsWith("_PORT") ? [[name, value]] : []
)

describe("HttpStatus", () => {
  it.each(python)("has Python's %s = %i", (name, code, phrase) => {
    expect(new Map(constants).get(name)).toBe(code)
    expect(HttpStatus.reasonPhrase(code)).toBe(renamed.get(code) ?? phrase)
  })

  it("has a constant and a phrase for every registered code, and for no other", () => {
    expect([...new Set(constants.map((entry) => entry[1]))].sort((a, b) => a - b)).toEqual(registered)
    expect([...HttpStatus.responses.keys()]).toEqual(registered)
  })

  it("names a constant after its phrase, but for the aliases of older names", () => {
    const aliases = constants.filter(([name, code]) =>
      HttpStatus.reasonPhrase(code).toUpperCase().replaceAll(/[- ]/g, "_").replaceAll("'", "") !== name
    )
    expect(aliases.map((entry) => entry[0]).sort()).toEqual([
      "REQUESTED_RANGE_NOT_SATISFIABLE",
      "REQUEST_ENTITY_TOO_LARGE",
      "REQUEST_URI_TOO_LONG",
      "UNPROCESSABLE_ENTITY"
    ])
  })

  it("has literal types, so that a status can be told apart in a switch", () => {
    expectTypeOf<typeof HttpStatus.NOT_FOUND>().toEqualTypeOf<404>()
  })

  it("has no phrase for a code that is not registered", () => {
    for (const code of [0, 99, 306, 419, 599, 999, -1, NaN]) expect(HttpStatus.reasonPhrase(code)).toBe("")
  })

  it("has the default ports", () => {
    expect(HttpStatus.HTTP_PORT).toBe(80)
    expect(HttpStatus.HTTPS_PORT).toBe(443)
  })

  it("puts every code from 100 to 599 into one class, and no other into any", () => {
    const classes = [
      HttpStatus.isInformational,
      HttpStatus.isSuccess,
      HttpStatus.isRedirection,
      HttpStatus.isClientError,
      HttpStatus.isServerError
    ]
    for (let code = 0; code < 1000; code++) {
      const found = classes.flatMap((is, i) => is(code) ? [i + 1] : [])
      expect(found).toEqual(code >= 100 && code < 600 ? [Math.floor(code / 100)] : [])
    }
  })
})
