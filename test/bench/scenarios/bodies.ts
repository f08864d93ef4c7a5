/** A body that comes in several pieces and is wanted in one. */
import { contenders, everybody } from "../clients/contenders.ts"
import type { Scenario } from "../scenario.ts"
import { perSecond } from "./small.ts"

export const scenarios: ReadonlyArray<Scenario> = [
  {
    name: "arraybuffer",
    title: "64 KiB as one buffer",
    about:
      "GET of 64 KiB with Content-Length, read as an `ArrayBuffer` or as the bytes that the client returns. 50 at once on 50 connections.",
    unit: perSecond,
    contenders: contenders(everybody, ({ addresses }) => ({
      urls: [`${addresses.plain}/64k`],
      body: undefined,
      read: "bytes",
      length: 65_536,
      ca: undefined,
      loops: 50,
      connections: 50
    }))
  }
]
