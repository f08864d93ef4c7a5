/** The small JSON over TLS, on open connections and on new ones. All clients take the certificate of the authority, so none is left out and none goes unchecked. */
import { contenders, everybody } from "../clients/contenders.ts"
import { contender, nodeHttps, ours } from "../clients/opens.ts"
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
  },
  {
    name: "tls-connect",
    title: "New connections over TLS",
    about:
      "A new connection over TLS 1.3 for each GET of the small JSON, one after the other, certificate checked. With sessions most of them "
      + "are resumed. The server, Node's, gives two tickets with a full handshake and none with a resumed one. This library uses a ticket once, so every third handshake is a full one; node:https uses it again.",
    unit: { label: "connections/s", better: "more", per: "connection" },
    contenders: [
      contender("HttpConnection", "ours", ours(undefined)),
      contender("HttpConnection, sessions: false", "ours", ours(false)),
      contender("node:https", "peer", nodeHttps(100)),
      contender("node:https, maxCachedSessions: 0", "peer", nodeHttps(0))
    ]
  }
]
