/** Every error class: its tag, family, message, what it prints, and what it must not print. */
import { assert, describe, expect, expectTypeOf, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { inspect } from "node:util"
import * as HttpConnection from "../src/HttpConnection.ts"
import * as HttpError from "../src/HttpError.ts"
import * as HttpFields from "../src/HttpFields.ts"
import * as HttpRequest from "../src/HttpRequest.ts"
import { excerpt, withContext } from "../src/internal/error/base.ts"
import { unlocated } from "../src/internal/error/context.ts"
import * as TestTransport from "../src/TestTransport.ts"

interface Case {
  readonly make: () => HttpError.HttpError
  readonly message: string
  readonly phase: HttpError.Phase
  readonly fault: HttpError.Fault
}

const cause = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" })

const hop: HttpError.RedirectHop = { status: 302, method: "GET", url: "http://a.test/a?…" }

/** One of each. That none is missing is checked by the type, and against the exported classes below. */
const cases: { readonly [Tag in HttpError.HttpError["_tag"]]: Case } = {
  PoolQueueFull: {
    make: () => new HttpError.PoolQueueFull({ limit: 5 }),
    message:
      "No connection is free, and 5 requests wait for one already, which is the limit (`waiters`). Send fewer at once, or "
      + "allow more connections (`connectionsPerOrigin`, `connections`).",
    phase: "pool",
    fault: "Local"
  },
  PoolClosed: {
    make: () => new HttpError.PoolClosed(),
    message:
      "The connection pool is closed: `shutdown` was called, or its scope has ended. Send requests within its scope.",
    phase: "pool",
    fault: "Local"
  },
  TooManyRedirects: {
    make: () => new HttpError.TooManyRedirects({ limit: 0, history: [hop] }),
    message: "The request was redirected more than 0 times, which is the limit (`limit`). The last one was 302 to GET "
      + "\"http://a.test/a?…\". See `history`, and raise the limit if the way is right.",
    phase: "redirect",
    fault: "Remote"
  },
  RedirectLoop: {
    make: () => new HttpError.RedirectLoop({ history: [hop] }),
    message: "The redirects go in a circle: this request has been sent before. The last one was 302 to GET "
      + "\"http://a.test/a?…\". See `history`; the server may want credentials or a cookie that it does not get.",
    phase: "redirect",
    fault: "Remote"
  },
  InvalidRedirect: {
    make: () => new HttpError.InvalidRedirect({ reason: "Malformed", history: [hop] }),
    message:
      "The redirect cannot be followed: its Location field is no URL. Report it to the operator of the server. The last one was "
      + "302 to GET \"http://a.test/a?…\".",
    phase: "redirect",
    fault: "Remote"
  },
  UnsafeRedirect: {
    make: () => new HttpError.UnsafeRedirect({ reason: "Scheme", target: "ftp:", history: [hop] }),
    message:
      "The redirect to \"ftp:\" was not followed. Only http and https are followed: ask for the target in another way if it "
      + "is trusted. The last one was 302 to GET \"http://a.test/a?…\".",
    phase: "redirect",
    fault: "Remote"
  },
  UnreplayableBody: {
    make: () => new HttpError.UnreplayableBody({ status: 307, body: "Stream", history: [hop] }),
    message:
      "The server redirects with 307, which wants the body again, but it can be read only once. Send it from memory, or say "
      + "`replayStreams: true` if running the stream once more gives the same bytes. The last one was 302 to GET "
      + "\"http://a.test/a?…\".",
    phase: "redirect",
    fault: "User"
  },
  ContentDecodingError: {
    make: () => new HttpError.ContentDecodingError({ coding: "gzip", reason: "Truncated", decoded: 7 }),
    message:
      "The body cannot be decoded from gzip: it ends too early (after 7 decoded bytes). To have it without compression, "
      + "send the field Accept-Encoding with \"identity\".",
    phase: "decode",
    fault: "Remote"
  },
  DecompressionBomb: {
    make: () =>
      new HttpError.DecompressionBomb({ coding: "br", limit: "maxBytes", maximum: 5, encoded: 3, decoded: 6 }),
    message:
      "The br body is too large when decoded: 3 bytes became 6, and the limit is 5 (`maxBytes`). If the server is trusted, "
      + "raise it.",
    phase: "decode",
    fault: "Remote"
  },
  TooManyContentCodings: {
    make: () => new HttpError.TooManyContentCodings({ count: 6, limit: 5 }),
    message:
      "The body was encoded 6 times, and at most 5 codings are undone. No honest server does so; to have the body as it "
      + "came, use a client without `decompress`.",
    phase: "decode",
    fault: "Remote"
  },
  InvalidUrl: {
    make: () => new HttpError.InvalidUrl({ part: "port", reason: "70000 is more than 65535" }),
    message: "The port is not valid: 70000 is more than 65535.",
    phase: "build",
    fault: "User"
  },
  UnsupportedScheme: {
    make: () => new HttpError.UnsupportedScheme({ scheme: "ftp" }),
    message: "The scheme \"ftp\" is not supported. Use \"http\" or \"https\".",
    phase: "build",
    fault: "User"
  },
  InvalidMethod: {
    make: () => new HttpError.InvalidMethod({ offset: 3 }),
    message:
      "The method is not a token: the character at offset 3 is missing or not allowed. Methods are made of letters, "
      + "digits and !#$%&'*+-.^_`|~ (RFC 9110 section 9.1).",
    phase: "build",
    fault: "User"
  },
  InvalidHeaderName: {
    make: () => new HttpError.InvalidHeaderName({ field: "\"X Y\"" }),
    message:
      "The field name \"X Y\" cannot be sent. Names are made of letters, digits and !#$%&'*+-.^_`|~ (RFC 9110 section "
      + "5.1).",
    phase: "build",
    fault: "User"
  },
  InvalidHeaderValue: {
    make: () => new HttpError.InvalidHeaderValue({ field: "X-A", offset: 4, reason: "a line feed" }),
    message: "The value of the field \"X-A\" cannot be sent: a line feed at offset 4.",
    phase: "build",
    fault: "User"
  },
  ForbiddenHeader: {
    make: () => new HttpError.ForbiddenHeader({ field: "Upgrade", reason: "only HTTP/1.1 is spoken here" }),
    message: "The field \"Upgrade\" cannot be set here: only HTTP/1.1 is spoken here.",
    phase: "build",
    fault: "User"
  },
  ConflictingFraming: {
    make: () => new HttpError.ConflictingFraming({ reason: "it has Content-Length twice" }),
    message: "The request's framing contradicts itself: it has Content-Length twice (RFC 9112 section 6).",
    phase: "build",
    fault: "User"
  },
  InvalidTrailer: {
    make: () => new HttpError.InvalidTrailer({ field: "Host", reason: "it must not be one" }),
    message: "The trailer field \"Host\" is not valid: it must not be one.",
    phase: "build",
    fault: "User"
  },
  UnsupportedBody: {
    make: () => new HttpError.UnsupportedBody({ reason: "the value has no JSON" }),
    message: "The body cannot be sent: the value has no JSON.",
    phase: "build",
    fault: "User"
  },
  UnimplementedFileMode: {
    make: () => new HttpError.UnimplementedFileMode({ reason: "it is a directory" }),
    message: "The file cannot be read to send it as a body: it is a directory.",
    phase: "build",
    fault: "User"
  },
  InvalidOption: {
    make: () => new HttpError.InvalidOption({ option: "blockSize", reason: "it must be at least 1" }),
    message: "The option \"blockSize\" is not valid: it must be at least 1.",
    phase: "build",
    fault: "User"
  },
  NotConnected: {
    make: () => new HttpError.NotConnected({ state: "Idle" }),
    message: "The connection is not open (state Idle) and `autoOpen` is off. Call `connect` first.",
    phase: "state",
    fault: "User"
  },
  ConnectionClosed: {
    make: () => new HttpError.ConnectionClosed({ reason: "its scope has ended" }),
    message: "The connection is closed: its scope has ended.",
    phase: "state",
    fault: "Local"
  },
  CannotSendRequest: {
    make: () => new HttpError.CannotSendRequest({ state: "RequestSent" }),
    message:
      "A request cannot be sent in the state RequestSent. Finish the one under way with `endHeaders` and `getResponse`.",
    phase: "state",
    fault: "User"
  },
  CannotSendHeader: {
    make: () => new HttpError.CannotSendHeader({ state: "Idle" }),
    message: "Fields cannot be sent in the state Idle. Start a request with `putRequest` first.",
    phase: "state",
    fault: "User"
  },
  ResponseNotReady: {
    make: () => new HttpError.ResponseNotReady({ state: "Idle" }),
    message: "There is no response to get in the state Idle. Send a request first.",
    phase: "state",
    fault: "User"
  },
  BodyAlreadyConsumed: {
    make: () => new HttpError.BodyAlreadyConsumed({ by: "stream" }),
    message:
      "The body was already consumed (by `stream`). A body comes over the wire once: read it in one way, and keep what "
      + "you need.",
    phase: "body",
    fault: "User"
  },
  DnsError: {
    make: () => new HttpError.DnsError({ host: "a.test", reason: "NotFound", code: "ENOTFOUND", cause }),
    message: "The host name \"a.test\" could not be resolved (ENOTFOUND). There is no such name: check its spelling.",
    phase: "dns",
    fault: "Network"
  },
  ConnectError: {
    make: () =>
      new HttpError.ConnectError({ reason: "Refused", code: "ECONNREFUSED", target: "a.test:80", attempts: [], cause }),
    message:
      "Could not connect to a.test:80 (ECONNREFUSED). Nothing listens there: check that the server runs, and the port.",
    phase: "connect",
    fault: "Network"
  },
  CredentialsError: {
    make: () => new HttpError.CredentialsError({ option: "tls", cause: { _tag: "Unreadable" } }),
    message: "The Effect of the option \"tls\" failed with Unreadable; see `cause`. "
      + "Let it fail only if no connection can be opened without its result.",
    phase: "connect",
    fault: "User"
  },
  TlsError: {
    make: () =>
      new HttpError.TlsError({ reason: "NotTls", code: "EPROTO", serverName: "a.test", names: undefined, cause }),
    message: "TLS with \"a.test\" failed (EPROTO). The server does not speak TLS on this port: did you mean http?",
    phase: "tls",
    fault: "Remote"
  },
  AddressRefused: {
    make: () =>
      new HttpError.AddressRefused({
        host: "a.test",
        address: "127.0.0.1",
        port: 80,
        rule: "Loopback",
        range: "127.0.0.0/8"
      }),
    message: "The address 127.0.0.1 of \"a.test\" was refused by the address policy, because it is a loopback address "
      + "(127.0.0.0/8). If it may be reached, add it to `allow` of `AddressPolicy.make`.",
    phase: "connect",
    fault: "User"
  },
  ProxyConnectError: {
    make: () =>
      new HttpError.ProxyConnectError({
        status: 502,
        reason: "Bad Gateway",
        fields: HttpFields.empty,
        bodyPrefix: Buffer.from("no route")
      }),
    message:
      "The proxy refused to open the tunnel: 502 \"Bad Gateway\". What it said about that begins in `bodyPrefix`.",
    phase: "proxy",
    fault: "Remote"
  },
  SocksError: {
    make: () => new HttpError.SocksError({ version: 5, reason: "HostUnreachable", code: 4, target: "a.test:443" }),
    message:
      "The proxy cannot reach the host (SOCKS5, code 4, for a.test:443). Check the name and the address, as the proxy sees them.",
    phase: "proxy",
    fault: "Remote"
  },
  ProxyAuthRequired: {
    make: () =>
      new HttpError.ProxyAuthRequired({
        challenges: ["Basic"],
        fields: HttpFields.empty,
        bodyPrefix: new Uint8Array(0)
      }),
    message:
      "The proxy wants credentials (407). Give the proxy its `credentials` (`Proxy.make`), or the tunnel a Proxy-Authorization field.",
    phase: "proxy",
    fault: "User"
  },
  HttpTimeout: {
    make: () => new HttpError.HttpTimeout({ kind: "head", millis: 1500 }),
    message: "Timed out after 1500 ms in waiting for the head of the response (the limit is `timeouts.head`).",
    phase: "state",
    fault: "Network"
  },
  WriteError: {
    make: () => new HttpError.WriteError({ code: "EPIPE", cause }),
    message: "The request could not be sent: the connection broke (EPIPE). The server has not seen it.",
    phase: "write",
    fault: "Network"
  },
  BodyLengthMismatch: {
    make: () => new HttpError.BodyLengthMismatch({ declared: 10, actual: 3 }),
    message:
      "The body ended after 3 bytes, before its declared Content-Length of 10. Declare the length that it has, or none "
      + "to send it chunked.",
    phase: "write",
    fault: "User"
  },
  RequestBodyError: {
    make: () => new HttpError.RequestBodyError({ error: { _tag: "Mine" } }),
    message: "The stream of the request's body failed with Mine; see `error`.",
    phase: "write",
    fault: "User"
  },
  RemoteDisconnected: {
    make: () => new HttpError.RemoteDisconnected({}),
    message:
      "The server closed the connection without sending a response. It may have crashed or be restarting, or the port "
      + "may want TLS: see the server's log.",
    phase: "head",
    fault: "Remote"
  },
  StaleConnection: {
    make: () => new HttpError.StaleConnection({}),
    message:
      "The server closed the idle connection just as the request was sent on it. Sending again on a new connection is "
      + "safe where the request may be repeated.",
    phase: "head",
    fault: "Remote"
  },
  ReadError: {
    make: () => new HttpError.ReadError({ code: "ECONNRESET", cause }),
    message:
      "The connection broke while the response was awaited (ECONNRESET). The server may have processed the request.",
    phase: "head",
    fault: "Network"
  },
  BadStatusLine: {
    make: () => new HttpError.BadStatusLine({ line: "220 mail.a.test ESMTP" }),
    message:
      "The server's answer does not begin with a status line of HTTP/1: \"220 mail.a.test ESMTP\". Check that the port "
      + "is one for HTTP.",
    phase: "head",
    fault: "Remote"
  },
  UnknownProtocol: {
    make: () => new HttpError.UnknownProtocol({ version: "HTTP/2.0" }),
    message: "The server answered with \"HTTP/2.0\", but only HTTP/1 is spoken here.",
    phase: "head",
    fault: "Remote"
  },
  InvalidStatusCode: {
    make: () => new HttpError.InvalidStatusCode({ code: "2OO" }),
    message: "The server's status code \"2OO\" is not a number from 100 to 999.",
    phase: "head",
    fault: "Remote"
  },
  LineTooLong: {
    make: () => new HttpError.LineTooLong({ what: "field line", limit: 65_536 }),
    message: "The server sent a field line of more than 65536 bytes (the limit is `limits.fieldLine`).",
    phase: "head",
    fault: "Remote"
  },
  HeadersTooLarge: {
    make: () => new HttpError.HeadersTooLarge({ limit: 262_144 }),
    message: "The head of the response is larger than 262144 bytes (the limit is `limits.head`).",
    phase: "head",
    fault: "Remote"
  },
  TooManyHeaders: {
    make: () => new HttpError.TooManyHeaders({ limit: 256 }),
    message: "The response has more than 256 field lines (the limit is `limits.fields`).",
    phase: "head",
    fault: "Remote"
  },
  InvalidHeaderLine: {
    make: () =>
      new HttpError.InvalidHeaderLine({
        offset: 17,
        reason: "white space before the colon",
        relaxations: ["spaceBeforeColon", "skipInvalidFields"]
      }),
    message:
      "A field line of the response is malformed: white space before the colon, at byte 17 of the head. Where the server cannot be corrected, "
      + "`HttpLeniency.spaceBeforeColon` drops white space before the colon, and `HttpLeniency.skipInvalidFields` skips "
      + "field lines that cannot be read.",
    phase: "head",
    fault: "Remote"
  },
  InvalidContentLength: {
    make: () => new HttpError.InvalidContentLength({ value: "+5", relaxations: ["invalidContentLength"] }),
    message:
      "The response's Content-Length \"+5\" is no length that can be read. Where the server cannot be corrected, "
      + "`HttpLeniency.invalidContentLength` takes the first number, or reads the body until the connection closes.",
    phase: "head",
    fault: "Remote"
  },
  ConflictingContentLength: {
    make: () => new HttpError.ConflictingContentLength({ values: ["1", "2"] }),
    message: "The response has Content-Length values that differ: \"1, 2\".",
    phase: "head",
    fault: "Remote"
  },
  UnknownTransferEncoding: {
    make: () => new HttpError.UnknownTransferEncoding({ codings: "gzip, chunked" }),
    message: "The response's Transfer-Encoding \"gzip, chunked\" is not \"chunked\", the only one that can be decoded.",
    phase: "head",
    fault: "Remote"
  },
  FramingConflict: {
    make: () => new HttpError.FramingConflict({ reason: "it has Transfer-Encoding and Content-Length" }),
    message:
      "The response's framing contradicts itself: it has Transfer-Encoding and Content-Length. This is what response "
      + "smuggling looks like.",
    phase: "head",
    fault: "Remote"
  },
  IncompleteHeaders: {
    make: () => new HttpError.IncompleteHeaders({ received: 12 }),
    message: "The connection ended after 12 bytes of a response head that was not complete.",
    phase: "head",
    fault: "Remote"
  },
  TooManyInformational: {
    make: () => new HttpError.TooManyInformational({ limit: 32 }),
    message: "The server sent more than 32 informational (1xx) responses before the final one (the limit is "
      + "`limits.informational`).",
    phase: "head",
    fault: "Remote"
  },
  UnexpectedUpgrade: {
    make: () => new HttpError.UnexpectedUpgrade({ protocol: "websocket" }),
    message: "The server switched protocols (101) although no upgrade was offered (to \"websocket\").",
    phase: "head",
    fault: "Remote"
  },
  UnexpectedMessage: {
    make: () => new HttpError.UnexpectedMessage({ received: 9 }),
    message:
      "The server sent 9 bytes while no request was outstanding. They answer nothing: the connection was closed.",
    phase: "idle",
    fault: "Remote"
  },
  IncompleteRead: {
    make: () => new HttpError.IncompleteRead({ received: 3, expected: 10, partial: Buffer.from("abc") }),
    message: "The body ended early: 3 of 10 bytes had come when the connection closed. What came is in `partial`.",
    phase: "body",
    fault: "Remote"
  },
  InvalidChunkSize: {
    make: () => new HttpError.InvalidChunkSize({ line: "0x5" }),
    message: "A chunk of the body begins with \"0x5\", which is no chunk size.",
    phase: "body",
    fault: "Remote"
  },
  InvalidChunkEnd: {
    make: () => new HttpError.InvalidChunkEnd({ offset: 5 }),
    message: "The chunk that ends at byte 5 of the body is not followed by CRLF.",
    phase: "body",
    fault: "Remote"
  },
  ChunkTooLarge: {
    make: () => new HttpError.ChunkTooLarge({ size: "ffffffffffffffff" }),
    message: "The chunk size \"ffffffffffffffff\" is larger than can be read.",
    phase: "body",
    fault: "Remote"
  },
  ChunkExtensionsTooLong: {
    make: () => new HttpError.ChunkExtensionsTooLong({ limit: 16_384 }),
    message: "The body's chunk extensions are longer than 16384 bytes (the limit is `limits.chunkExtensions`).",
    phase: "body",
    fault: "Remote"
  },
  TrailersTooLarge: {
    make: () => new HttpError.TrailersTooLarge({ limit: 65_536 }),
    message: "The trailer section is larger than its limit of 65536 (see `limits.trailers` and `limits.fields`).",
    phase: "body",
    fault: "Remote"
  },
  BodyTooLarge: {
    make: () => new HttpError.BodyTooLarge({ limit: 1000 }),
    message: "The body is larger than 1000 bytes (the limit is `limits.body`).",
    phase: "body",
    fault: "Remote"
  },
  ConnectionReset: {
    make: () =>
      new HttpError.ConnectionReset({ code: "ECONNRESET", received: 3, expected: 10, partial: undefined, cause }),
    message: "The connection broke (ECONNRESET) after 3 of 10 bytes of the body.",
    phase: "body",
    fault: "Network"
  },
  StatusError: {
    make: () =>
      new HttpError.StatusError({
        status: 503,
        reason: "Busy",
        fields: HttpFields.fromInput({ "Retry-After": "9" }),
        bodyPrefix: Buffer.from("abc")
      }),
    message:
      "The server answered with the status 503 \"Busy\", which is not accepted here. It asks to retry after \"9\". "
      + "What it said about that begins in `bodyPrefix`.",
    phase: "body",
    fault: "Remote"
  },
  NotEventStream: {
    make: () => new HttpError.NotEventStream({ contentType: "text/html" }),
    message:
      "The server answered with the Content-Type \"text/html\", and events are text/event-stream. Check the URL, and the "
      + "fields that ask for events. If the server only labels its events otherwise, use the option `check: false`.",
    phase: "body",
    fault: "Remote"
  },
  EventTooLarge: {
    make: () => new HttpError.EventTooLarge({ limit: 1000 }),
    message: "An event is larger than 1000 bytes (the limit is `maxEventBytes`). If the server is trusted, raise it.",
    phase: "body",
    fault: "Remote"
  },
  BodyDecodeError: {
    make: () => new HttpError.BodyDecodeError({ format: "json", reason: "it cannot be parsed" }),
    message: "The body is not valid JSON: it cannot be parsed.",
    phase: "body",
    fault: "Remote"
  }
}

const all = Object.entries(cases).map(([tag, one]) => ({ tag, ...one }))
const tags = Object.keys(cases)

/** The classes among the exports. */
const classes = Object.entries(HttpError).filter(([, value]) =>
  typeof value === "function" && value.prototype instanceof Error
)

const located: HttpError.ErrorContext = {
  ...unlocated("write", "Network"),
  origin: "http://a.test:80",
  bytesWritten: 100,
  requestState: "PartiallySent",
  processed: "Unknown"
}

describe("every class", () => {
  it("is exported and in the union, and nothing else is", () => {
    expect(classes.map(([name]) => name).toSorted()).toEqual(tags.toSorted())
  })

  it.each(all)(
    "$tag has its tag, type id, message, default context and stack",
    ({ fault, make, message, phase, tag }) => {
      const error = make()
      expect(error).toBeInstanceOf(Error)
      expect(classes.find(([name]) => name === tag)?.[1]).toBe(error.constructor)
      expect(error._tag).toBe(tag)
      expect(error.name).toBe(tag)
      expect(error[HttpError.TypeId]).toBe(HttpError.TypeId)
      expect(HttpError.isHttpError(error)).toBe(true)
      expect(error.message).toBe(message)
      expect(String(error)).toBe(`${tag}: ${message}`)
      expect(error.stack?.startsWith(`${tag}: ${message}\n    at `)).toBe(true)
      expect(error.context).toEqual({
        phase,
        fault,
        origin: undefined,
        method: undefined,
        path: undefined,
        proxy: undefined,
        peer: "Server",
        status: undefined,
        contentType: undefined,
        connection: undefined,
        bytesWritten: 0,
        bytesRead: 0,
        requestState: "NotSent",
        processed: "No",
        replayable: true,
        resends: 0,
        timings: {
          dns: undefined,
          connect: undefined,
          tls: undefined,
          proxy: undefined,
          send: undefined,
          wait: undefined,
          body: undefined,
          total: undefined
        }
      })
    }
  )

  it.each(all)(
    "$tag has a toJSON of tag, message, its fields, context and cause, which is JSON",
    ({ make, message, tag }) => {
      const error = make()
      const json = error.toJSON() as Record<string, unknown>
      const { bytesRead, bytesWritten, peer, processed, replayable, requestState, resends } = error.context
      expect(json).toMatchObject({ _tag: tag, message })
      // Nothing of what is not known, nor a record of nothing.
      expect(json["context"]).toStrictEqual({
        phase: error.context.phase,
        fault: error.context.fault,
        peer,
        bytesWritten,
        bytesRead,
        requestState,
        processed,
        replayable,
        resends
      })
      const fields = Object.entries(error)
        .filter(([key, value]) => key !== "_tag" && key !== "context" && value !== undefined)
        .map(([key]) => key)
      expect(Object.keys(json).toSorted()).toEqual(
        ["_tag", "message", "context", ...fields, ...("cause" in json ? ["cause"] : [])].toSorted()
      )
      expect(JSON.parse(JSON.stringify(error))).toMatchObject({ _tag: tag, message })
    }
  )

  it.each(all)("$tag reads as sentences", ({ message }) => {
    expect(message).toMatch(/^[A-Z].*[.?]$/)
    expect(message).not.toMatch(/undefined|null|NaN|\[object|\n|  /)
  })

  it.effect.each(all)("$tag can be yielded and caught by its tag", ({ make, tag }) =>
    Effect.gen(function*() {
      const error = make()
      const caught = yield* Effect.flip(Effect.gen(function*() {
        return yield* error
      }))
      assert.strictEqual(caught, error)
      assert.strictEqual(caught._tag, tag)
    }))
})

describe("messages", () => {
  const told = (error: HttpError.HttpError): string => error.message

  it("of timeouts name what took too long, for each kind", () => {
    const kinds: { readonly [K in HttpError.TimeoutKind]: string } = {
      pool: "waiting for a connection of the pool",
      dns: "resolving the host name",
      connect: "opening the TCP connection",
      tls: "the TLS handshake",
      proxy: "waiting for the proxy to open the tunnel",
      write: "waiting for the server to take more of the request",
      continue: "waiting for 100 (Continue)",
      head: "waiting for the head of the response",
      bodyIdle: "waiting for more of the body",
      total: "the whole exchange"
    }
    for (const [kind, doing] of Object.entries(kinds) as Array<[HttpError.TimeoutKind, string]>) {
      expect(told(new HttpError.HttpTimeout({ kind, millis: 5 }))).toBe(
        `Timed out after 5 ms in ${doing} (the limit is \`timeouts.${kind}\`).`
      )
    }
  })

  it("of long lines name the limit, for each kind of line", () => {
    const limits = {
      "status line": "statusLine",
      "field line": "fieldLine",
      "chunk size line": "chunkLine",
      "trailer line": "fieldLine"
    } as const
    for (const [what, limit] of Object.entries(limits) as Array<[keyof typeof limits, string]>) {
      expect(told(new HttpError.LineTooLong({ what, limit: 9 }))).toBe(
        `The server sent a ${what} of more than 9 bytes (the limit is \`limits.${limit}\`).`
      )
    }
  })

  it("of what failed to open say what to do, for each reason", () => {
    const dns = (reason: HttpError.DnsReason) => told(new HttpError.DnsError({ host: "h", reason, code: "C", cause }))
    expect(dns("Temporary")).toContain("try again, or check the network")
    expect(dns("NoData")).toContain("Check the name and the resolver.")
    expect(dns("Other")).toContain("Check the name and the resolver.")
    const connects: { readonly [K in HttpError.ConnectReason]: string } = {
      Refused: "Nothing listens there: check that the server runs, and the port.",
      Unreachable: "There is no route: check the network.",
      Reset: "The other side closed while the connection was being opened.",
      TimedOut: "The system gave up waiting: the host may be down, or a firewall drops what is sent to it.",
      AddressNotAvailable: "The local address is not one of this machine.",
      TooManyFiles: "This process has too many files open: close connections, or raise its limit.",
      PermissionDenied: "This process may not connect there.",
      NoEntry: "There is no such socket file.",
      PathTooLong:
        "It has 3 bytes. A socket path has at most 108 bytes on Linux and 104 on macOS: use a shorter one, or a link to it.",
      NotSupported: "Abstract unix sockets need Linux, and Node.js 22 or newer.",
      Other: "See `cause`."
    }
    for (const [reason, advice] of Object.entries(connects) as Array<[HttpError.ConnectReason, string]>) {
      expect(told(new HttpError.ConnectError({ reason, code: "C", target: "h:1", attempts: [], cause }))).toBe(
        `Could not connect to h:1 (C). ${advice}`
      )
    }
    const refused = (fields: Partial<HttpError.AddressRefused>) =>
      told(
        new HttpError.AddressRefused({
          host: "h.test",
          address: "10.0.0.1",
          port: 80,
          rule: "Private",
          range: "10.0.0.0/8",
          ...fields
        })
      )
    const of = "The address 10.0.0.1 of \"h.test\" was refused by the address policy, because"
    expect(refused({ rule: "Deny" })).toBe(
      `${of} \`deny\` of the policy has it (10.0.0.0/8). If it may be reached, take it out of \`deny\`.`
    )
    expect(refused({ rule: "Ipv4Mapped", range: undefined })).toBe(
      `${of} it is an IPv6 address that stands for an IPv4 address. Use the IPv4 address itself.`
    )
    expect(refused({ rule: "NotAnAddress", range: undefined })).toBe(
      `${of} it is no IP address. Check what the resolver returns.`
    )
    expect(
      refused({ host: "169.254.169.254", address: "169.254.169.254", rule: "Metadata", range: "169.254.169.254/32" })
    )
      .toBe(
        "The address 169.254.169.254 was refused by the address policy, because it is the metadata service of a cloud "
          + "(169.254.169.254/32). If it may be reached, add this very address to `allow` of `AddressPolicy.make`."
      )
    const tls: { readonly [K in HttpError.TlsReason]: string } = {
      CertificateExpired: "The certificate has expired: the server's owner must renew it.",
      CertificateNotYetValid: "The certificate is not valid yet: check the clocks.",
      HostnameMismatch: "The certificate is for other names: check the host, or set `tls.serverName`.",
      UntrustedIssuer: "The certificate's issuer is not trusted: pass its CA as `tls.ca`.",
      SelfSigned: "The certificate is self-signed: pass it as `tls.ca` if you trust it.",
      Revoked: "The certificate was revoked: the server's owner must replace it.",
      PinMismatch: "No public key of the server, or of an authority that signed it, is one of `tls.pins`:"
        + " compare them with what the server's owner publishes.",
      RevocationUnknown: "Whether the certificate was revoked cannot be told: see `tls.crl`.",
      WrongPurpose: "The certificate is not meant for servers: the server's owner must get one that is.",
      InvalidCertificate: "The server's certificate, or one above it, is not valid: its owner must replace it.",
      WeakCryptography: "The server's TLS is too weak to be safe: its owner must correct that.",
      NoCommonCipher:
        "The two sides share no cipher suite, group or signature algorithm: see `tls.ciphers`, and what the server allows.",
      UnrecognizedName: "The server knows no host of this name: check the host, or set `tls.serverName`.",
      ClientCertificate: "The server refused the client's certificate, or wants one: see `tls.cert` and `tls.key`.",
      BrokenTls: "What the server sent breaks the rules of TLS, or was changed on its way.",
      OutOfMemory: "There was no memory left for it.",
      ProtocolVersion: "The two sides share no TLS version: see `tls.minVersion` and `tls.maxVersion`.",
      AlpnMismatch: "The server chose another protocol than http/1.1.",
      NotTls: "The server does not speak TLS on this port: did you mean http?",
      Alert: "The server refused the handshake.",
      Closed: "The server closed the connection during the handshake and did not say why: "
        + "it may want another client certificate, or know no host of this name.",
      InvalidOptions: "One of the options in `tls` cannot be used, see `cause`: nothing was sent.",
      Other: "See `cause`."
    }
    for (const [reason, advice] of Object.entries(tls) as Array<[HttpError.TlsReason, string]>) {
      expect(told(new HttpError.TlsError({ reason, code: "C", serverName: "h", names: undefined, cause }))).toBe(
        `TLS with "h" failed (C). ${advice}`
      )
    }
  })

  it.each<readonly [error: HttpError.HttpError, says: string]>([
    [
      new HttpError.CredentialsError({
        option: "proxy.credentials",
        cause: new HttpError.InvalidOption({ option: "proxy.credentials.username", reason: "it has a colon" })
      }),
      "The Effect of the option \"proxy.credentials\" returned what cannot be used: "
      + "The option \"proxy.credentials.username\" is not valid: it has a colon."
    ],
    [
      new HttpError.ProxyAuthRequired({
        challenges: ["Negotiate, NTLM"],
        fields: HttpFields.empty,
        bodyPrefix: new Uint8Array(0)
      }),
      "wants credentials (407) of another scheme than Basic: \"negotiate, ntlm\". Give the tunnel"
    ],
    [
      new HttpError.TlsError({ reason: "HostnameMismatch", code: "C", serverName: "h", names: "DNS:b.test", cause }),
      "set `tls.serverName`. It is for \"DNS:b.test\"."
    ],
    [
      new HttpError.TlsError({
        reason: "PinMismatch",
        code: "C",
        serverName: "h",
        names: undefined,
        pins: ["sha256/A=", "sha256/B="],
        cause
      }),
      "publishes. Its pins are sha256/A= and sha256/B=."
    ],
    [
      new HttpError.ConnectError({
        reason: "Refused",
        code: "ECONNREFUSED",
        target: "h:1",
        attempts: [
          { address: "::1", port: 1, code: "ECONNREFUSED" },
          { address: "127.0.0.1", port: 1, code: "ECONNREFUSED" }
        ],
        cause
      }),
      "All 2 addresses were tried: ::1 (ECONNREFUSED), 127.0.0.1 (ECONNREFUSED)."
    ],
    [
      new HttpError.ProxyConnectError({
        status: 502,
        reason: "",
        fields: HttpFields.empty,
        bodyPrefix: new Uint8Array(0)
      }),
      "refused to open the tunnel: 502."
    ],
    [
      new HttpError.InvalidUrl({ part: "socketPath", reason: "it is empty" }),
      "The socket path is not valid: it is empty."
    ],
    [
      new HttpError.InvalidTrailer({ field: "", reason: "a line without a colon" }),
      "A line of the trailers is not valid: a line without a colon."
    ],
    [new HttpError.CannotSendRequest({ state: "ResponseUnread" }), "Read it to its end, or `close` it."],
    [new HttpError.ResponseNotReady({ state: "ResponseUnread" }), "Read it to its end, or `close` it."],
    [new HttpError.BodyAlreadyConsumed({ by: "close" }), "The response was closed before its body was read."],
    [new HttpError.BodyLengthMismatch({ declared: 3, actual: 4 }), "is longer (at least 4 bytes) than its declared"],
    [new HttpError.UnknownProtocol({ version: "HTTP/2" }), "only HTTP/1 is spoken here"],
    ...["HTTP/1.10", "HTTP/1.", "HTTP/1.x", "HTTP/01.1", "HTTP/11", "HTTP/", "HTTP/1,1"].map((version) =>
      [
        new HttpError.UnknownProtocol({ version }),
        `"${version}", which is none: a version is "HTTP/", one digit, a dot`
      ] as const
    ),
    [new HttpError.IncompleteRead({ received: 3, expected: undefined, partial: undefined }), "early, after 3 bytes"],
    [new HttpError.UnexpectedUpgrade({ protocol: undefined }), "although no upgrade was offered."],
    [new HttpError.BodyDecodeError({ format: "text", reason: "r" }), "The body is not valid text: r."],
    [
      new HttpError.ConnectionReset({ code: "C", received: 3, expected: undefined, partial: undefined, cause }),
      "broke (C) after 3 bytes of the body."
    ],
    [
      withContext(new HttpError.WriteError({ code: "EPIPE", cause }), located),
      "The server may have processed part of it."
    ],
    [
      new HttpError.RequestBodyError({ error: new RangeError("disk\nfull") }),
      "failed with RangeError: \"disk\\nfull\"; see `error`."
    ],
    [new HttpError.RequestBodyError({ error: "disk full" }), "failed with string: \"disk full\"; see `error`."],
    [new HttpError.RequestBodyError({ error: 7 }), "failed with number; see `error`."],
    [new HttpError.RequestBodyError({ error: { message: 7 } }), "failed with object; see `error`."],
    [
      new HttpError.RequestBodyError({
        error: {
          _tag: "Mine",
          get message(): string {
            throw new Error("from a getter")
          }
        }
      }),
      "failed with Mine; see `error`."
    ]
  ])("$message", (error, says) => {
    expect(error.message).toContain(says)
    expect(error.description).toMatch(/^[A-Z].*\.$/)
  })
})

describe("what a peer sent", () => {
  const long = `${"A".repeat(200)}\u0000\u001b[31m\n${"B".repeat(100_000)}`
  const remote = [
    new HttpError.BadStatusLine({ line: long }),
    new HttpError.UnknownProtocol({ version: long }),
    new HttpError.InvalidStatusCode({ code: long }),
    new HttpError.InvalidContentLength({ value: long }),
    new HttpError.ConflictingContentLength({ values: [long, long] }),
    new HttpError.UnknownTransferEncoding({ codings: long }),
    new HttpError.UnexpectedUpgrade({ protocol: long }),
    new HttpError.InvalidChunkSize({ line: long }),
    new HttpError.ChunkTooLarge({ size: long }),
    new HttpError.TlsError({ reason: "HostnameMismatch", code: "C", serverName: "h", names: long, cause: undefined }),
    new HttpError.ProxyConnectError({
      status: 502,
      reason: long,
      fields: HttpFields.empty,
      bodyPrefix: Buffer.from(long)
    }),
    new HttpError.ProxyAuthRequired({ challenges: [long], fields: HttpFields.empty, bodyPrefix: Buffer.from(long) })
  ]

  it.each(remote)("is cut in message and toJSON: $_tag", (error) => {
    expect(error.message.length).toBeLessThan(600)
    expect(JSON.stringify(error).length).toBeLessThan(2000)
  })

  it.each(remote)("is escaped in the message: $_tag", (error) => {
    // oxlint-disable-next-line no-control-regex -- control characters are what must not be there
    expect(error.message).not.toMatch(/[\u0000-\u001f\u007f]/)
  })

  it("is shown whole, in quotes, up to 120 characters, and with its length beyond", () => {
    expect(excerpt("a\r\n\u001b")).toBe("\"a\\r\\n\\u001b\"")
    expect(excerpt("x".repeat(120))).toBe(`"${"x".repeat(120)}"`)
    expect(excerpt("x".repeat(121))).toBe(`"${"x".repeat(120)}"… (121 characters)`)
  })
})

describe("secrets", () => {
  const secret = "hunter2"

  /** Everything that shows an error to somebody. */
  const shown = (error: unknown): string =>
    [
      (error as Error).message,
      String(error),
      (error as Error).stack,
      JSON.stringify(error),
      inspect(error, { depth: Infinity, showHidden: false }),
      inspect({ nested: [error] }, { depth: Infinity })
    ].join("\n")

  const parsing = (() => {
    try {
      return JSON.parse(`{"password": ${secret}`) as unknown
    } catch (error) {
      return error
    }
  })()

  /** What its own words are is the caller's to decide; all else that it has is not repeated. */
  class Own extends Error {
    readonly token = secret
  }

  it.each<readonly [what: string, error: HttpError.HttpError]>([
    ["the error of a body stream", new HttpError.RequestBodyError({ error: { _tag: "Mine", secret } })],
    ["an Error of a body stream", new HttpError.RequestBodyError({ error: new Own("mine") })],
    ["what JSON.parse repeats", new HttpError.BodyDecodeError({ format: "json", reason: "r", cause: parsing })],
    ["what a toJSON threw", new HttpError.UnsupportedBody({ reason: "r", cause: new Own(secret) })],
    ["the error of an Effect for options", new HttpError.CredentialsError({ option: "tls", cause: new Own(secret) })],
    ["a cause that is no Error", new HttpError.ConnectionClosed({ reason: "r", cause: { secret } })],
    [
      "a failed body stream that closed a connection",
      new HttpError.NotConnected({ state: "Idle", cause: new HttpError.RequestBodyError({ error: new Own("mine") }) })
    ],
    [
      "fields of a proxy",
      new HttpError.ProxyAuthRequired({
        challenges: [],
        fields: HttpFields.fromInput({ "Set-Cookie": secret, "Proxy-Authorization": secret }),
        bodyPrefix: Buffer.from(secret)
      })
    ]
  ])("are not shown: %s", (_, error) => {
    expect(shown(error)).not.toContain(secret)
    // The bytes of a Buffer are not shown either.
    expect(shown(error)).not.toContain(Buffer.from(secret).toString("hex").replace(/..(?!$)/g, "$& "))
  })

  it.scoped.each<readonly [what: string, request: HttpRequest.HttpRequest, tag: HttpError.HttpError["_tag"]]>([
    ["the value of a field", HttpRequest.get("/", { headers: { "X-Key": `${secret}\n` } }), "InvalidHeaderValue"],
    [
      "a credential beyond ISO-8859-1",
      HttpRequest.get("/", { headers: { Authorization: `Bearer ${secret}\u0416` } }),
      "InvalidHeaderValue"
    ],
    ["the value of a trailer", HttpRequest.post("/", { trailers: { "X-Sum": `${secret}\r\n` } }), "InvalidTrailer"],
    ["userinfo of a target", HttpRequest.get(`http://alice:${secret}@a.test/`), "InvalidUrl"],
    ["the query of a target", HttpRequest.get(`/?key=${secret} x`), "InvalidUrl"],
    ["a bad length", HttpRequest.get("/", { headers: { "Content-Length": secret } }), "InvalidHeaderValue"],
    ["a bad method", HttpRequest.make(`GET ${secret}`, "/"), "InvalidMethod"]
  ])("of a request are not shown: %s", ([, request, tag]) =>
    Effect.gen(function*() {
      const connection = yield* HttpConnection.make({ host: "a.test" })
      const error = yield* Effect.flip(connection.execute(request))
      assert.strictEqual(error._tag, tag)
      assert.notInclude(shown(error), secret)
    }).pipe(Effect.provide(TestTransport.layer([]))))

  it.scoped("of a host are not shown", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(HttpConnection.make({ host: `alice:${secret}@a.test` }))
      assert.strictEqual(error._tag, "InvalidUrl")
      assert.notInclude(shown(error), secret)
    }).pipe(Effect.provide(TestTransport.layer([]))))
})

describe("inspect", () => {
  it("shows the stack, the fields, the context and the cause's name, code and message", () => {
    const error = withContext(new HttpError.WriteError({ code: "EPIPE", cause }), located)
    const text = inspect(error)
    expect(text.startsWith("WriteError: The request could not be sent")).toBe(true)
    expect(text).toContain("\n    at ")
    expect(text).toContain("origin: 'http://a.test:80'")
    // In a terminal that is some ten lines, where a line for each property were forty.
    expect(text.split("\n").length).toBeLessThanOrEqual(10)
    expect(text).not.toContain("undefined")
    expect(text).toContain("cause: { name: 'Error', code: 'ECONNRESET', message: 'read ECONNRESET' }")
    expect(text).not.toContain("[cause]")
  })

  it("is what toJSON gives where it is called without Node's own inspect", () => {
    const error = new HttpError.BodyTooLarge({ limit: 1 })
    const method = Reflect.get(error, Symbol.for("nodejs.util.inspect.custom")) as () => unknown
    expect(method.call(error)).toEqual(error.toJSON())
  })
})

describe("causes and context", () => {
  it("keeps the cause as it is", () => {
    expect(new HttpError.ReadError({ code: "ECONNRESET", cause }).cause).toBe(cause)
    const own = { _tag: "Mine" } as const
    const error = new HttpError.RequestBodyError({ error: own })
    expect(error.error).toBe(own)
    expect(error.cause).toBe(own)
  })

  it("tells of a cause its name, and its message where that is the system's or our own", () => {
    const told = (cause: unknown) =>
      (new HttpError.ConnectionClosed({ reason: "r", cause }).toJSON() as { readonly cause?: unknown }).cause
    expect(told(cause)).toEqual({ name: "Error", code: "ECONNRESET", message: "read ECONNRESET" })
    const inner = new HttpError.BodyTooLarge({ limit: 1 })
    expect(told(inner)).toEqual({ name: "BodyTooLarge", message: inner.message })
    expect(told(new TypeError("content"))).toEqual({ name: "TypeError" })
    expect(told("content")).toBe("string")
    expect(told(undefined)).toBeUndefined()
  })

  it("is given its context once: the border nearest to the failure knew best", () => {
    const error = new HttpError.ReadError({ code: "ECONNRESET", cause })
    expect(withContext(error, located)).toBe(error)
    expect(error.context).toBe(located)
    withContext(error, { ...located, origin: "http://b.test:80" })
    expect(error.context).toBe(located)
  })

  it("the default context is shared and cannot be changed", () => {
    const { context } = new HttpError.BodyTooLarge({ limit: 1 })
    expect(Object.isFrozen(context) && Object.isFrozen(context.timings)).toBe(true)
  })
})

describe("families", () => {
  /** `http.client.__all__` and what else its page lists: 14 exceptions, by what became of them. */
  const python: Readonly<Record<string, unknown>> = {
    HTTPException: HttpError.isHttpException,
    NotConnected: HttpError.NotConnected,
    InvalidURL: HttpError.InvalidUrl,
    UnknownProtocol: HttpError.UnknownProtocol,
    UnknownTransferEncoding: HttpError.UnknownTransferEncoding,
    UnimplementedFileMode: HttpError.UnimplementedFileMode,
    IncompleteRead: HttpError.IncompleteRead,
    ImproperConnectionState: HttpError.isImproperConnectionState,
    CannotSendRequest: HttpError.CannotSendRequest,
    CannotSendHeader: HttpError.CannotSendHeader,
    ResponseNotReady: HttpError.ResponseNotReady,
    BadStatusLine: HttpError.BadStatusLine,
    LineTooLong: HttpError.LineTooLong,
    RemoteDisconnected: HttpError.RemoteDisconnected
  }

  it("has all 14 exceptions of http.client", () => {
    expect(Object.keys(python).length).toBe(14)
    for (const [name, here] of Object.entries(python)) expect(here, name).toBeTypeOf("function")
  })

  /** What a server sends that breaks HTTP/1.1. */
  const ofProtocol = [
    "BadStatusLine",
    "UnknownProtocol",
    "InvalidStatusCode",
    "LineTooLong",
    "HeadersTooLarge",
    "TooManyHeaders",
    "InvalidHeaderLine",
    "InvalidContentLength",
    "ConflictingContentLength",
    "UnknownTransferEncoding",
    "FramingConflict",
    "IncompleteHeaders",
    "TooManyInformational",
    "UnexpectedUpgrade",
    "UnexpectedMessage",
    "IncompleteRead",
    "InvalidChunkSize",
    "InvalidChunkEnd",
    "ChunkTooLarge",
    "ChunkExtensionsTooLong",
    "TrailersTooLarge"
  ]

  it("know a trailer of the server's from one of the caller's", () => {
    const trailer = new HttpError.InvalidTrailer({ field: "A", reason: "it is bad" })
    expect([HttpError.isProtocolError(trailer), HttpError.isHttpException(trailer)]).toEqual([false, false])
    const received = withContext(trailer, { ...trailer.context, fault: "Remote" })
    expect([HttpError.isProtocolError(received), HttpError.isHttpException(received)]).toEqual([true, true])
  })

  it("leave out no fault of a server's in a head or a body but those that break no rule of messages", () => {
    const others = all
      .map(({ make, tag }) => ({ error: make(), tag }))
      .filter(({ error }) => error.context.fault === "Remote" && ["body", "head", "idle"].includes(error.context.phase))
      .filter(({ error }) => !HttpError.isProtocolError(error))
    expect(others.map(({ tag }) => tag).toSorted()).toEqual([
      "BodyDecodeError",
      "BodyTooLarge",
      "EventTooLarge",
      "NotEventStream",
      "RemoteDisconnected",
      "StaleConnection",
      "StatusError"
    ])
  })

  it.each<readonly [guard: (u: unknown) => boolean, members: ReadonlyArray<string>]>([
    [HttpError.isHttpError, tags],
    [HttpError.isHttpException, [
      "NotConnected",
      "InvalidUrl",
      "UnimplementedFileMode",
      "CannotSendRequest",
      "CannotSendHeader",
      "ResponseNotReady",
      // Python raises the one as the class before it, and the other as the one behind.
      "RemoteDisconnected",
      "StaleConnection",
      ...ofProtocol
    ]],
    [HttpError.isProtocolError, ofProtocol],
    [HttpError.isImproperConnectionState, ["CannotSendRequest", "CannotSendHeader", "ResponseNotReady"]],
    [HttpError.isBadStatusLine, ["BadStatusLine", "InvalidStatusCode", "RemoteDisconnected", "StaleConnection"]],
    [HttpError.isInvalidRequest, [
      "InvalidUrl",
      "UnsupportedScheme",
      "InvalidMethod",
      "InvalidHeaderName",
      "InvalidHeaderValue",
      "ForbiddenHeader",
      "ConflictingFraming",
      "InvalidTrailer",
      "UnsupportedBody",
      "InvalidOption"
    ]],
    [HttpError.isTimeout, ["HttpTimeout"]]
  ])("%o holds for its members and for nothing else", (guard, members) => {
    expect(all.filter(({ make }) => guard(make())).map(({ tag }) => tag).toSorted()).toEqual(members.toSorted())
    for (const other of [undefined, null, "BadStatusLine", {}, new Error("x"), { _tag: "BadStatusLine" }]) {
      expect(guard(other)).toBe(false)
    }
  })

  it("are types too: unions whose members are those that the guards hold for", () => {
    expectTypeOf<HttpError.ProtocolError["_tag"]>().toEqualTypeOf<
      | "BadStatusLine"
      | "UnknownProtocol"
      | "InvalidStatusCode"
      | "LineTooLong"
      | "HeadersTooLarge"
      | "TooManyHeaders"
      | "InvalidHeaderLine"
      | "InvalidContentLength"
      | "ConflictingContentLength"
      | "UnknownTransferEncoding"
      | "FramingConflict"
      | "IncompleteHeaders"
      | "TooManyInformational"
      | "UnexpectedUpgrade"
      | "UnexpectedMessage"
      | "IncompleteRead"
      | "InvalidChunkSize"
      | "InvalidChunkEnd"
      | "ChunkTooLarge"
      | "ChunkExtensionsTooLong"
      | "TrailersTooLarge"
      | "InvalidTrailer"
    >()
    expectTypeOf<HttpError.HttpException["_tag"]>().toEqualTypeOf<
      | "NotConnected"
      | "InvalidUrl"
      | "UnimplementedFileMode"
      | "CannotSendRequest"
      | "CannotSendHeader"
      | "ResponseNotReady"
      | "RemoteDisconnected"
      | "StaleConnection"
      | HttpError.ProtocolError["_tag"]
    >()
    expectTypeOf<HttpError.BadStatusLineFamily["_tag"]>().toEqualTypeOf<
      "BadStatusLine" | "InvalidStatusCode" | "RemoteDisconnected" | "StaleConnection"
    >()
    expectTypeOf<HttpError.ImproperConnectionState["_tag"]>().toEqualTypeOf<
      "CannotSendRequest" | "CannotSendHeader" | "ResponseNotReady"
    >()
  })

  it.effect("RequestBodyError keeps the type of the caller's error through catchTag", () =>
    Effect.gen(function*() {
      const failing: Effect.Effect<never, HttpError.HttpError<"mine">> = Effect.fail(
        new HttpError.RequestBodyError({ error: "mine" as const })
      )
      const caught = yield* Effect.catchTag(failing, "RequestBodyError", (error) => {
        expectTypeOf(error.error).toEqualTypeOf<"mine">()
        return Effect.succeed(error.error)
      })
      assert.strictEqual(caught, "mine")
    }))
})
