/** A part of the demo, and its input. */
import type { Transport } from "effect-http-client"
import type * as Effect from "effect/Effect"
import type { Report } from "../report.ts"

/** The embedded servers. */
export interface Servers {
  readonly host: string
  /** The origin. */
  readonly port: number
  /** The same over TLS. */
  readonly securePort: number
  /** The certificate of the authority that signed the origin's. */
  readonly ca: string
  /** The proxy. */
  readonly proxyPort: number
  /** An origin over TLS that signed its own certificate. */
  readonly selfSignedPort: number
}

/** Shows something on the report, and checks that it happened as expected. */
export type Part = (report: Report, servers: Servers) => Effect.Effect<void, unknown, Transport.Transport>
