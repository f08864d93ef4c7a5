/** Requests as plain data: what the constructors and combinators make, and that making checks nothing. */
import { assert, describe, expect, expectTypeOf, it } from "@effect/vitest"
import * as Stream from "effect/Stream"
import * as HttpBody from "../src/HttpBody.ts"
import * as HttpFields from "../src/HttpFields.ts"
import * as HttpLeniency from "../src/HttpLeniency.ts"
import * as HttpRequest from "../src/HttpRequest.ts"

const lines = (fields: HttpRequest.Trailers) => {
  assert(HttpFields.isHttpFields(fields))
  return HttpFields.entries(fields)
}

describe("make", () => {
  it("takes method and target as they are, and has no fields, body, trailers or options by itself", () => {
    const request = HttpRequest.make("GeT", "/a b#c")
    expect(request).toMatchObject({ method: "GeT", target: "/a b#c" })
    expect(lines(request.fields)).toEqual([])
    expect(lines(request.trailers)).toEqual([])
    expect(request.body).toBe(HttpBody.empty)
    const { body: _, fields: __, method: ___, target: ____, trailers: _____, ...options } = request
    expect(Object.values(options).filter((option) => option !== undefined)).toEqual([])
  })

  it("keeps fields and trailers in order, with their spelling, from a record, from pairs, or as fields", () => {
    const request = HttpRequest.make("POST", "/", {
      headers: { "X-b": "1", "x-A": "2" },
      trailers: [["Sum", "1"], ["sum", "2"]]
    })
    expect(lines(request.fields)).toEqual([["X-b", "1"], ["x-A", "2"]])
    expect(lines(request.trailers)).toEqual([["Sum", "1"], ["sum", "2"]])
    const fields = HttpFields.fromInput({ A: "b" })
    expect(lines(HttpRequest.make("GET", "/", { headers: fields }).fields)).toEqual([["A", "b"]])
  })

  it("keeps its options and its body", () => {
    const options: HttpRequest.Options = {
      timeouts: { head: "1 second" },
      limits: { body: 5 },
      leniency: HttpLeniency.httpClient,
      targetForm: "absolute",
      expectContinue: true,
      onInformational: () => {},
      acceptTrailers: true
    }
    const body = HttpBody.bytes(new Uint8Array([1]))
    const request = HttpRequest.make("PUT", "/", { ...options, body })
    expect(request).toMatchObject(options)
    expect(request.body).toBe(body)
  })

  it("keeps the type of its body's error", () => {
    const body = HttpBody.stream(Stream.fail("mine" as const))
    expectTypeOf(HttpRequest.make("POST", "/", { body })).toEqualTypeOf<HttpRequest.HttpRequest<"mine">>()
    expectTypeOf(HttpRequest.post("/", { body })).toEqualTypeOf<HttpRequest.HttpRequest<"mine">>()
    expectTypeOf(HttpRequest.get("/")).toEqualTypeOf<HttpRequest.HttpRequest>()
  })

  it.each(
    [
      ["GET", HttpRequest.get],
      ["HEAD", HttpRequest.head],
      ["POST", HttpRequest.post],
      ["PUT", HttpRequest.put],
      ["PATCH", HttpRequest.patch],
      ["DELETE", HttpRequest.del],
      ["OPTIONS", HttpRequest.options]
    ] as const
  )("%s has a constructor of its own, which takes the same input", (method, constructor) => {
    const request = constructor("/p", { headers: { A: "b" }, expectContinue: true })
    expect(request).toMatchObject({ method, target: "/p", expectContinue: true })
    expect(lines(request.fields)).toEqual([["A", "b"]])
  })
})

describe("isHttpRequest", () => {
  it("knows requests from anything else", () => {
    expect(HttpRequest.isHttpRequest(HttpRequest.get("/"))).toBe(true)
    expect(HttpRequest.isHttpRequest(HttpRequest.setHeader(HttpRequest.get("/"), "A", "b"))).toBe(true)
    for (const other of [undefined, null, "GET /", {}, { method: "GET", target: "/" }]) {
      expect(HttpRequest.isHttpRequest(other)).toBe(false)
    }
  })
})

describe("combinators", () => {
  const request = HttpRequest.post("/", { headers: [["A", "1"], ["B", "2"], ["a", "3"]], expectContinue: true })

  it("setHeader puts a field in place of all of its name", () => {
    expect(lines(HttpRequest.setHeader(request, "a", "4").fields)).toEqual([["a", "4"], ["B", "2"]])
    expect(lines(request.pipe(HttpRequest.setHeader("C", "5")).fields)).toEqual([
      ["A", "1"],
      ["B", "2"],
      ["a", "3"],
      ["C", "5"]
    ])
  })

  it("appendHeader keeps those of its name", () => {
    const expected = [["A", "1"], ["B", "2"], ["a", "3"], ["A", "4"]]
    expect(lines(HttpRequest.appendHeader(request, "A", "4").fields)).toEqual(expected)
    expect(lines(request.pipe(HttpRequest.appendHeader("A", "4")).fields)).toEqual(expected)
  })

  it("setBody replaces the body and the type of its error", () => {
    const body = HttpBody.stream(Stream.fail("mine" as const))
    const changed = HttpRequest.setBody(request, body)
    expectTypeOf(changed).toEqualTypeOf<HttpRequest.HttpRequest<"mine">>()
    expect(changed.body).toBe(body)
    expect(request.pipe(HttpRequest.setBody(HttpBody.empty)).body).toBe(HttpBody.empty)
  })

  it("setOptions replaces the options that are given", () => {
    const changed = HttpRequest.setOptions(request, { limits: { body: 5 } })
    expect(changed).toMatchObject({ limits: { body: 5 }, expectContinue: true })
    expect(request.pipe(HttpRequest.setOptions({ expectContinue: false }))).toMatchObject({ expectContinue: false })
  })

  it("change nothing of the request that they are given, and keep the rest", () => {
    const before = { ...request }
    for (
      const changed of [
        HttpRequest.setHeader(request, "A", "x"),
        HttpRequest.appendHeader(request, "A", "x"),
        HttpRequest.setBody(request, HttpBody.bytes(new Uint8Array(1))),
        HttpRequest.setOptions(request, { targetForm: "absolute" })
      ]
    ) {
      expect(changed).toMatchObject({ method: "POST", target: "/", expectContinue: true, trailers: request.trailers })
      expect(HttpRequest.isHttpRequest(changed)).toBe(true)
      expect({ ...request }).toEqual(before)
    }
  })
})
