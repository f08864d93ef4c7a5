/** Our errors as the platform's: the table, its copy in the guide, and what is shown of them. */
import * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { assert, describe, it } from "@effect/vitest"
import * as Option from "effect/Option"
import * as fs from "node:fs"
import { inspect } from "node:util"
import * as HttpError from "../../src/HttpError.ts"
import { withContext } from "../../src/internal/error/base.ts"
import { unlocated } from "../../src/internal/error/context.ts"
import { requestError, requestReasons, responseError, responseReasons } from "../../src/internal/platform/errors.ts"

const request = HttpClientRequest.post("http://user:password@a.test/path?token=secret", {
  headers: { authorization: "Bearer secret" }
}).pipe(HttpClientRequest.bodyText("secret"))
const response = HttpClientResponse.fromWeb(request, new Response("secret", { status: 206 }))

/** Where the fault of every class is: its own default. */
const faultOf = (tag: string): string | undefined => {
  for (const file of fs.readdirSync(new URL("../../src/internal/error", import.meta.url))) {
    const source = fs.readFileSync(new URL(`../../src/internal/error/${file}`, import.meta.url), "utf8")
    const found = new RegExp(`tagged\\("${tag}", "(\\w+)"`).exec(source)?.[1]
    if (found !== undefined) return found
  }
  return undefined
}

describe("the table", () => {
  const tags = [...new Set([...Object.keys(requestReasons), ...Object.keys(responseReasons)])]

  it("has every error", () => {
    const classes = Object.entries(HttpError).filter(([, value]) =>
      typeof value === "function" && value.prototype instanceof Error
    )
    assert.isAbove(classes.length, 60)
    assert.deepStrictEqual(tags.toSorted(), classes.map(([name]) => name).toSorted())
  })

  it("never says Transport of what the caller has to mend", () => {
    const own = Object.entries(requestReasons).filter(([tag]) => faultOf(tag) === "User")
    assert.isAbove(own.length, 15)
    for (const [tag, reason] of own) assert.notStrictEqual(reason, "Transport", tag)
  })

  it("is not believed of an instance that is the caller's fault", () => {
    const closed = () => new HttpError.ConnectionClosed({ reason: "x" })
    assert.strictEqual(requestError(request, closed()).reason, "Transport")
    const own = withContext(closed(), unlocated("write", "User"))
    assert.strictEqual(requestError(request, own).reason, "Encode")
    const url = new HttpError.InvalidUrl({ part: "host", reason: "x" })
    assert.strictEqual(requestError(request, url).reason, "InvalidUrl")
  })

  it("stands in the guide", () => {
    const guide = fs.readFileSync(new URL("../../docs/errors.md", import.meta.url), "utf8")
    const section = guide.slice(guide.indexOf("\n## Platform\n"))
    const rows = [...section.matchAll(/^\| `(\w+)` +\| (?:`(\w+)`)? *\| (?:`(\w+)`)? *\|$/gm)]
    const column = (index: number) =>
      rows.flatMap((row) => row[index] === undefined ? [] : [[row[1], row[index]] as const])
    assert.deepStrictEqual(Object.fromEntries(column(2)), { ...requestReasons })
    assert.deepStrictEqual(Object.fromEntries(column(3)), { ...responseReasons })
  })
})

describe("a failure before there is a response", () => {
  const cause = new HttpError.PoolClosed()
  const error = requestError(request, cause)

  it("is a RequestError with ours as its cause, and its words", () => {
    assert.instanceOf(error, HttpClientError.RequestError)
    assert.isTrue(HttpClientError.isHttpClientError(error))
    assert.strictEqual(error._tag, "RequestError")
    assert.strictEqual(error.reason, "Encode")
    assert.strictEqual(error.cause, cause)
    assert.strictEqual(error.request, request)
    assert.strictEqual(error.message, `Encode: ${cause.message} (POST http://a.test/path?…)`)
    assert.strictEqual(Option.getOrUndefined(HttpError.fromPlatform(error)), cause)
  })

  it("has the name that the platform's has", () => {
    assert.match(String(error), /^RequestError: Encode: The connection pool is closed/)
    assert.match(error.stack ?? "", /^RequestError: Encode: /)
  })
})

describe("a failure of a response", () => {
  const cause = new HttpError.BodyTooLarge({ limit: 5 })
  const error = responseError(response, cause)

  it("is a ResponseError with ours as its cause, and its words", () => {
    assert.instanceOf(error, HttpClientError.ResponseError)
    assert.strictEqual(error._tag, "ResponseError")
    assert.strictEqual(error.reason, "Decode")
    assert.strictEqual(error.cause, cause)
    assert.strictEqual(error.response, response)
    assert.strictEqual(error.request, request)
    assert.strictEqual(error.message, `Decode: ${cause.message} (206 POST http://a.test/path?…)`)
    assert.strictEqual(Option.getOrUndefined(HttpError.fromPlatform(error)), cause)
  })

  it("may have words of its own", () => {
    assert.include(responseError(response, cause, "Too much.").message, "Decode: Too much. (206")
  })
})

describe("what is printed of a failure", () => {
  const errors = [
    requestError(request, new HttpError.PoolClosed()),
    responseError(response, new HttpError.PoolClosed() as never)
  ]
  for (const error of errors) {
    for (
      const [how, print] of [
        ["as JSON", JSON.stringify],
        ["as text", String],
        ["by the console", (value: unknown) => inspect(value, { depth: 10 })],
        [
          "by a console that passes no inspect",
          (value: typeof error) =>
            JSON.stringify(
              (value as unknown as Record<symbol, () => unknown>)[Symbol.for("nodejs.util.inspect.custom")]?.()
            )
        ]
      ] as const
    ) {
      it(`shows no secret, but what happened: ${error._tag} ${how}`, () => {
        const text = print(error)
        for (const secret of ["secret", "password", "user"]) assert.notInclude(text, secret)
        assert.include(text, "The connection pool is closed")
        assert.include(text, "a.test/path")
      })
    }
  }

  it("has the status of the response", () => {
    assert.deepInclude(JSON.parse(JSON.stringify(responseError(response, new HttpError.BodyTooLarge({ limit: 5 })))), {
      _tag: "ResponseError",
      reason: "Decode",
      request: { method: "POST", url: "http://a.test/path?…" },
      response: { status: 206 }
    })
  })
})

describe("fromPlatform", () => {
  const ours = new HttpError.PoolClosed()

  it("finds an error of ours however deep, and one that is given itself", () => {
    assert.strictEqual(Option.getOrUndefined(HttpError.fromPlatform(ours)), ours)
    const outer = new HttpClientError.RequestError({ request, reason: "Transport", cause: requestError(request, ours) })
    assert.strictEqual(Option.getOrUndefined(HttpError.fromPlatform(outer)), ours)
    assert.strictEqual(Option.getOrUndefined(HttpError.fromPlatform(new Error("x", { cause: outer }))), ours)
  })

  it("finds none where there is none", () => {
    const circle: { cause?: unknown } = {}
    circle.cause = circle
    for (
      const other of [
        undefined,
        null,
        "text",
        new Error("x"),
        circle,
        new HttpClientError.RequestError({ request, reason: "Transport", cause: "ECONNREFUSED" })
      ]
    ) {
      assert.isTrue(Option.isNone(HttpError.fromPlatform(other)))
    }
  })
})
