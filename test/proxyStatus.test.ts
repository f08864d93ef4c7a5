/** Proxy-Status (RFC 9209): in the response, in the errors, and in their words. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as HttpError from "../src/HttpError.ts"
import * as HttpFields from "../src/HttpFields.ts"
import * as HttpResponse from "../src/HttpResponse.ts"
import * as PooledHttpClient from "../src/PooledHttpClient.ts"
import * as ProxyStatus from "../src/ProxyStatus.ts"
import * as T from "../src/TestTransport.ts"
import { contained, failsWith, getHead } from "./connection/harness.ts"
import { head, one, over } from "./connection/over.ts"
import { answering, anyHead, clientOver, quietly, url } from "./platform/kit.ts"
import { get, poolOver } from "./pool/harness.ts"

const parsed = (...values: ReadonlyArray<string>) =>
  ProxyStatus.fromFields(HttpFields.fromInput({ "Proxy-Status": values }))

const known = (status: object | undefined) =>
  Object.fromEntries(
    Object.entries(status ?? {}).filter(([key, value]) => value !== undefined && key !== "parameters")
  )

describe("fromFields", () => {
  it("has a report for each intermediary, the one nearest to the origin first, however many lines there are", () => {
    const reports = parsed("revproxy1.example.net, \"other proxy\"; received-status=200", "cdn;next-hop=\"10.0.0.1\"")
    assert.deepStrictEqual(reports.map(known), [
      { proxy: "revproxy1.example.net" },
      { proxy: "other proxy", receivedStatus: 200 },
      { proxy: "cdn", nextHop: "10.0.0.1" }
    ])
  })

  const parameters: ReadonlyArray<readonly [text: string, expected: object]> = [
    ["error=connection_timeout", { error: "connection_timeout" }],
    ["error=x_own", { error: "x_own" }],
    ["next-hop=backend.example", { nextHop: "backend.example" }],
    ["next-protocol=h2", { nextProtocol: "h2" }],
    ["next-protocol=:/wA=:", { nextProtocol: "\xff\0" }],
    ["received-status=502", { receivedStatus: 502 }],
    ["details=\"what \\\"it\\\" says\"", { details: "what \"it\" says" }],
    ["error=dns_error;rcode=\"NXDOMAIN\";info-code=22", { error: "dns_error", rcode: "NXDOMAIN", infoCode: 22 }],
    ["alert-id=40;alert-message=\"handshake_failure\"", { alertId: 40, alertMessage: "handshake_failure" }],
    ["status-code=400;status-phrase=\"Bad\"", { statusCode: 400, statusPhrase: "Bad" }],
    ["header-section-size=1", { size: 1 }],
    ["header-name=\"x-a\";header-size=2", { fieldName: "x-a", size: 2 }],
    ["body-size=3", { size: 3 }],
    ["trailer-section-size=4", { size: 4 }],
    ["trailer-name=\"x-b\";trailer-size=5", { fieldName: "x-b", size: 5 }],
    ["coding=br", { coding: "br" }]
  ]
  for (const [text, expected] of parameters) {
    it(`reads ${text}`, () => {
      assert.deepStrictEqual(parsed(`p;${text}`).map(known), [{ proxy: "p", ...expected }])
    })
  }

  it("keeps every parameter by its name on the wire", () => {
    const [report] = parsed("p;error=dns_error;x;y=1.5;z=:YQ==:;received-status=\"502\"")
    assert.deepStrictEqual(
      [...(report?.parameters ?? [])],
      [
        ["error", "dns_error"],
        ["x", true],
        ["y", 1.5],
        ["z", new Uint8Array([0x61])],
        ["received-status", "502"]
      ]
    )
    // Of another type than the RFC says, so it is no status.
    assert.strictEqual(report?.receivedStatus, undefined)
  })

  for (
    const [why, value] of [
      ["breaks the grammar", "p; error=dns_error, q; Error=x"],
      ["names no proxy", "p; error=dns_error, 1"],
      ["has an inner list", "p, (q)"],
      ["is empty", ""]
    ] as const
  ) {
    it(`ignores a field that ${why} as a whole`, () => assert.deepStrictEqual(parsed(value), []))
  }

  it("is empty without the field", () => assert.deepStrictEqual(ProxyStatus.fromFields(HttpFields.empty), []))
})

const words: { readonly [E in ProxyStatus.ErrorType]: string } = {
  dns_timeout: "the lookup of the name of the next server took too long",
  dns_error: "the name of the next server could not be resolved",
  destination_not_found: "it does not know which server the request is meant for",
  destination_unavailable: "it regards the next server as unavailable",
  destination_ip_prohibited: "it must not connect to the address of the next server",
  destination_ip_unroutable: "it has no route to the address of the next server",
  connection_refused: "the next server refused its connection",
  connection_terminated: "its connection to the next server was closed before the response was complete",
  connection_timeout: "it could not connect to the next server in time",
  connection_read_timeout: "it waited too long for data of the next server",
  connection_write_timeout: "the next server did not accept the request in time",
  connection_limit_reached: "it may not open more connections to the next server",
  tls_protocol_error: "TLS with the next server failed",
  tls_certificate_error: "it did not accept the certificate of the next server",
  tls_alert_received: "the next server ended TLS with an alert",
  http_request_error: "it regards the request as invalid",
  http_request_denied: "it refuses the request by its rules",
  http_response_incomplete: "the response of the next server was incomplete",
  http_response_header_section_size: "the header section of the response of the next server was too large",
  http_response_header_size: "a header field in the response of the next server was too large",
  http_response_body_size: "the body of the response of the next server was too large",
  http_response_trailer_section_size: "the trailer section of the response of the next server was too large",
  http_response_trailer_size: "a trailer field in the response of the next server was too large",
  http_response_transfer_coding: "it cannot decode the transfer coding in the response of the next server",
  http_response_content_coding: "it cannot decode the content coding in the response of the next server",
  http_response_timeout: "the response of the next server took too long",
  http_upgrade_failed: "the next server did not change to the protocol that the request asked for",
  http_protocol_error: "the next server broke the rules of HTTP",
  proxy_internal_response: "it answered by itself and did not ask the server",
  proxy_internal_error: "it failed by itself",
  proxy_configuration_error: "its configuration is wrong",
  proxy_loop_detected: "the request had passed it before, so the proxies form a loop"
}

/** What a status error says between its status and its last sentence. */
const said = (value: string): string => {
  const error = new HttpError.StatusError({
    status: 502,
    reason: "",
    fields: HttpFields.fromInput({ "Proxy-Status": value }),
    bodyPrefix: new Uint8Array(0)
  })
  const start = "answered with the status 502, which is not accepted here."
  assert.include(error.description, start)
  return error.description.slice(error.description.indexOf(start) + start.length)
}

describe("the words", () => {
  for (const [type, what] of Object.entries(words)) {
    it(`say of ${type} that ${what}`, () => {
      assert.strictEqual(said(`gate;error=${type}`), ` The intermediary "gate" reports that ${what} (${type}).`)
    })
  }

  const cases: ReadonlyArray<readonly [why: string, value: string, text: string]> = [
    [
      "name the next server and what is known of the failure",
      "gate;error=dns_error;next-hop=a.test;rcode=\"NXDOMAIN\";info-code=22",
      " The intermediary \"gate\" reports that the name of the next server \"a.test\" could not be resolved"
      + " (dns_error, rcode \"NXDOMAIN\", info-code 22)."
    ],
    [
      "have the alert of TLS",
      "gate;error=tls_alert_received;alert-id=40;alert-message=handshake_failure",
      " The intermediary \"gate\" reports that the next server ended TLS with an alert"
      + " (tls_alert_received, alert \"handshake_failure\", alert-id 40)."
    ],
    [
      "have what was too large",
      "gate;error=http_response_header_size;header-name=\"x-a\";header-size=9000;received-status=200",
      " The intermediary \"gate\" reports that a header field in the response of the next server was too large"
      + " (http_response_header_size, field \"x-a\", size 9000, received status 200)."
    ],
    ["have the coding", "gate;error=http_response_content_coding;coding=br", "coding \"br\")."],
    ["have the status", "gate;error=http_request_error;status-code=400", "(http_request_error, status 400)."],
    [
      "give an error of no registered type as it stands",
      "gate;error=x_own",
      " The intermediary \"gate\" reports that it failed (\"x_own\")."
    ],
    [
      "do not take the name of a property for a type",
      "gate;error=constructor",
      " The intermediary \"gate\" reports that it failed (\"constructor\")."
    ],
    [
      "are about the failure nearest to the origin",
      "fine, inner;error=connection_refused, outer;error=http_protocol_error",
      " The intermediary \"inner\" reports that the next server refused its connection (connection_refused)."
    ],
    [
      "have the details of the proxy, escaped",
      String.raw`gate;error=proxy_internal_error;details="a \"b\""`,
      String.raw` The intermediary "gate" reports that it failed by itself (proxy_internal_error): "a \"b\"".`
    ],
    ["are none where no intermediary failed", "gate;received-status=502", ""],
    ["are none where the field is broken", "gate;error=dns_error,", ""]
  ]
  for (const [why, value, text] of cases) {
    it(why, () => assert.isTrue(said(value).endsWith(text) && (text !== "" || said(value) === ""), said(value)))
  }

  it("cut what is long", () => {
    const text = said(
      `${"p".repeat(500)};error=x${"y".repeat(500)};next-hop=${"n".repeat(500)};details="${"d".repeat(9000)}"`
    )
    assert.isBelow(text.length, 600)
    assert.include(text, `${"d".repeat(120)}"… (9000 characters).`)
  })
})

const gateway = "Proxy-Status: gate;error=connection_refused;next-hop=\"10.0.0.1\""
const reply = (...lines: ReadonlyArray<string>) => T.reply([...lines, "Content-Length: 0", "", ""].join("\r\n"))

describe("on every face", () => {
  for (const status of [502, 504]) {
    it.effect(`a response with ${status} has the reports, and so has the error that a filter makes of it`, () =>
      contained(Effect.gen(function*() {
        const { pool } = yield* poolOver([
          T.connection(T.expect(getHead("/a")), reply(`HTTP/1.1 ${status} Bad`, gateway))
        ])
        const response = yield* pool.execute(get("/a"))
        assert.deepStrictEqual(response.proxyStatus.map(known), [
          { proxy: "gate", error: "connection_refused", nextHop: "10.0.0.1" }
        ])
        const error = yield* failsWith(HttpResponse.filterStatusOk(response), "StatusError")
        assert.deepStrictEqual(error.proxyStatus, response.proxyStatus)
        assert.strictEqual(
          error.message,
          `The server answered with the status ${status} "Bad", which is not accepted here. The intermediary "gate" reports `
            + "that the next server \"10.0.0.1\" refused its connection (connection_refused). (GET http://a.test:80/a)"
        )
      })))
  }

  it.effect("a response without the field has none", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* poolOver([T.connection(T.expect(getHead("/a")), reply("HTTP/1.1 200 OK"))])
      const response = yield* pool.execute(get("/a"))
      assert.deepStrictEqual(response.proxyStatus, [])
    })))

  it.effect("a proxy that refuses a tunnel says why", () =>
    over(
      one(
        T.expect(head("CONNECT far.test:80 HTTP/1.1", "Host: far.test:80")),
        T.reply(
          head("HTTP/1.1 502 Bad Gateway", "Proxy-Status: p;error=dns_error;rcode=NXDOMAIN", "Content-Length: 0")
        )
      ),
      (connection) =>
        Effect.gen(function*() {
          const error = yield* failsWith(connection.connect, "ProxyConnectError")
          assert.deepStrictEqual(error.proxyStatus.map(known), [{ proxy: "p", error: "dns_error", rcode: "NXDOMAIN" }])
          assert.include(
            error.message,
            "refused to open the tunnel: 502 \"Bad Gateway\". The intermediary \"p\" reports that the name of the next "
              + "server could not be resolved (dns_error, rcode \"NXDOMAIN\")."
          )
        }),
      { host: "proxy.test", port: 3128, tunnel: { host: "far.test" } }
    ))

  it.scoped("a response of the platform's client has the reports, compressed or not", () =>
    Effect.gen(function*() {
      const { client } = yield* clientOver(anyHead, T.reply(head("HTTP/1.1 502 Bad", gateway, "Content-Length: 0")))
      const response = yield* quietly(PooledHttpClient.decompress(client).get(url))
      assert.isTrue("proxyStatus" in response)
      if (!("proxyStatus" in response)) return
      assert.deepStrictEqual((response.proxyStatus as ReadonlyArray<ProxyStatus.ProxyStatus>).map(known), [
        { proxy: "gate", error: "connection_refused", nextHop: "10.0.0.1" }
      ])
      const plain = yield* answering(head("HTTP/1.1 502 Bad", gateway, "Content-Length: 0"))
      assert.isTrue(PooledHttpClient.isPooledResponse(plain) && plain.proxyStatus[0]?.proxy === "gate")
    }))
})
