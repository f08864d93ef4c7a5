/** All parts of the demo, with their servers. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { certificates } from "../../test/fixtures/certificates.ts"
import { download, upload } from "./parts/bodies.ts"
import { cassette } from "./parts/cassette.ts"
import { earlyAnswer, failures } from "./parts/failures.ts"
import { interim } from "./parts/interim.ts"
import type { Part, Servers } from "./parts/part.ts"
import { platform } from "./parts/platform.ts"
import { abandoned, fickle, pooled } from "./parts/pool.ts"
import { get, keepAlive, steps } from "./parts/requests.ts"
import { ssrf } from "./parts/ssrf.ts"
import { tunnel } from "./parts/tunnel.ts"
import { upgrade } from "./parts/upgrade.ts"
import type { Report } from "./report.ts"
import { host } from "./servers/listen.ts"
import { startOrigin, startSecureOrigin } from "./servers/origin.ts"
import { startProxy } from "./servers/proxy.ts"

const parts: ReadonlyArray<Part> = [
  get,
  keepAlive,
  steps,
  upload,
  download,
  tunnel,
  ssrf,
  failures,
  earlyAnswer,
  interim,
  pooled,
  fickle,
  abandoned,
  platform,
  cassette,
  upgrade
]

const servers = Effect.gen(function*() {
  const { ca, selfSigned, server } = yield* Effect.promise(certificates)
  const started: Servers = {
    host,
    port: yield* startOrigin,
    securePort: yield* startSecureOrigin(server),
    ca,
    proxyPort: yield* startProxy,
    selfSignedPort: yield* startSecureOrigin(selfSigned)
  }
  return started
})

/** Runs every part. Returns the exit status: 0 if everything happened as expected. */
export const showAll = (report: Report) =>
  Effect.gen(function*() {
    const startedAt = performance.now()
    const started = yield* servers
    report.title("effect-http-client: clients and servers, talking")
    report.line()
    report.row("origin", `http://${host}:${started.port} and https://${host}:${started.securePort}`)
    report.row("proxy", `http://${host}:${started.proxyPort}`)
    report.row("Node", process.version)
    for (const part of parts) {
      yield* Effect.catchAllCause(
        part(report, started),
        (cause) => Effect.sync(() => report.broken(Cause.pretty(cause)))
      )
    }
    const { checks, differences } = report
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
    report.line()
    if (differences.length === 0) {
      report.title(`All ${checks} checks passed, in ${seconds} s.`)
      return 0
    }
    report.line(report.failure(`${differences.length} of ${checks} checks failed:`))
    for (const difference of differences) report.line(`   ${difference}`)
    return 1
  })
