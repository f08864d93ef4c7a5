/** The small JSON over TLS. All clients take the certificate of the authority, so none is left out and none goes unchecked. */
import { contenders, everybody } from "../clients/contenders.ts"
import type { Scenario } from "../scenario.ts"
import { smallJson } from "../servers/addresses.ts"
import { perSecond } from "./small.ts"

export const scenarios: ReadonlyArray<Scenario> = [
  {
    name: "tls-small",
    title: "Small JSON over TLS",
    about:
      "GET of a JSON of 59 bytes with 9 header lines over TLS 1.3, certificate checked, read as text. 50 at once on 50 connections, which stay open.",
    unit: perSecond,
    contenders: contenders(everybody, ({ addresses }) => ({
      urls: [`${addresses.secure}/small`],
      body: undefined,
      read: "text",
      length: smallJson.length,
      ca: addresses.ca,
      loops: 50,
      connections: 50
    }))
  }
]
