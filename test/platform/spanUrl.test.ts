/** What a span says of a URL without asking `URL` is what `URL` says. */
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import { fromUrl } from "../../src/internal/model/origin.ts"
import { spanUrlOf, targetOf } from "../../src/internal/platform/url.ts"
import type * as Tls from "../../src/Tls.ts"

const told = (url: string) => {
  const request = HttpClientRequest.get(url)
  const target = targetOf(request)
  const located = fromUrl<Tls.Options>(target, undefined)
  return spanUrlOf(request, target, "_tag" in located ? undefined : located)
}

/** The same by `URL` alone. */
const byUrl = (target: string) => {
  if (!URL.canParse(target)) return undefined
  const url = new URL(target)
  return {
    origin: url.origin,
    port: url.port,
    href: url.href,
    path: url.pathname,
    scheme: url.protocol.slice(0, -1),
    query: url.search.slice(1),
    hasCredentials: url.username !== "" || url.password !== ""
  }
}

it("has the zone id that the URL has, which `URL` knows nothing of", () => {
  assert.deepStrictEqual(told("http://[fe80::1%25lo]:81/a/../b?c#d"), {
    origin: "http://[fe80::1%25lo]:81",
    port: "81",
    href: "http://[fe80::1%25lo]:81/b?c#d",
    path: "/b",
    scheme: "http",
    query: "c",
    hasCredentials: false
  })
})

describe("what is said of a URL", () => {
  for (
    const url of [
      "http://a.test/",
      "http://a.test",
      "http://A.test/x",
      "http://a.test:80/x",
      "https://a.test:443/x",
      "https://a.test:8443/x?y=1",
      "http://127.0.0.1:8080/a/b?c=d&e",
      "http://127.1/a",
      "http://[::1]:8080/a",
      "http://[0:0::1]/a",
      "http://a.test/a'b?c'd",
      "http://a.test/ä?ö",
      "http://a.test/a b",
      "http://a.test/../a/./b",
      "http://a.test/%2e%2e/a",
      "http://a.test/a?",
      "http://a.test/a?b?c/d",
      "http://a.test/a#b",
      "http://a.test//b",
      "http://a.test/a|b^c`d{e}",
      "http://a.test/%zz",
      "http://u:p@a.test/",
      "http://faß.test/",
      "http://a.test:080/",
      "https://h:443/?''"
    ]
  ) {
    it(`${url}: what \`URL\` says of it`, () => {
      const request = HttpClientRequest.get(url)
      assert.deepStrictEqual(told(url), byUrl(targetOf(request)))
    })
  }

  it("any other, too", () => {
    const host = FastCheck.constantFrom("a.test", "A.Test", "127.0.0.1", "[::1]", "x-y.z:81", "h:80", "h:443")
    const part = FastCheck.string({ unit: FastCheck.constantFrom(..."aZ0-._~!$&'()*+,;=:@%/?|^ä.".split("")) })
    FastCheck.assert(
      FastCheck.property(FastCheck.constantFrom("http", "https"), host, part, part, (scheme, host, path, query) => {
        const url = `${scheme}://${host}/${path}?${query}`
        assert.deepStrictEqual(told(url), byUrl(targetOf(HttpClientRequest.get(url))))
      }),
      { numRuns: 5000 }
    )
  })
})
