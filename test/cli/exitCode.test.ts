/** The exit codes: those of curl, also where one tag stands for several of them. */
import { describe, expect, it } from "vitest"
import { exitCode } from "../../src/cli/exitCode.ts"
import { HttpError, Origin } from "../../src/index.ts"

const at = (error: HttpError.HttpError, peer: HttpError.Peer): HttpError.HttpError => {
  ;(error as { context: HttpError.ErrorContext }).context = { ...error.context, peer }
  return error
}

const tls = (reason: HttpError.TlsReason) =>
  new HttpError.TlsError({ reason, code: "X", serverName: "a.test", names: undefined, cause: undefined })

describe("the exit code", () => {
  it.each(
    ["CertificateExpired", "HostnameMismatch", "SelfSigned", "UntrustedIssuer", "Revoked", "PinMismatch"] as const
  )(
    "of a certificate that is refused (%s) is 60",
    (reason) => expect(exitCode(tls(reason))).toBe(60)
  )
  it.each(["NotTls", "Alert", "ProtocolVersion", "Other"] as const)(
    "of another failure of TLS (%s) is 35",
    (reason) => {
      expect(exitCode(tls(reason))).toBe(35)
    }
  )
  it("of a name that is unknown is 6, and that of a proxy is 5", () => {
    const unknown = () =>
      new HttpError.DnsError({ host: "a.test", code: "ENOTFOUND", reason: "NotFound", cause: undefined })
    expect(exitCode(at(unknown(), "Server"))).toBe(6)
    expect(exitCode(at(unknown(), "Proxy"))).toBe(5)
  })
  it("is between 1 and 97 for a URL that cannot be", () => {
    const wrong = Origin.fromUrl("http://a b/")
    expect(wrong._tag === "Left" ? exitCode(wrong.left) : 0).toBe(3)
  })
})
