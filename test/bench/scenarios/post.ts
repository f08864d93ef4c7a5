/** A small body in both directions. */
import { contenders, everybody } from "../clients/contenders.ts"
import type { Scenario } from "../scenario.ts"
import { smallJson } from "../servers/addresses.ts"
import { perSecond } from "./small.ts"

const frame = "{\"text\":\"\"}"

/** 1 KiB. */
const body = JSON.stringify({ text: "x".repeat(1024 - frame.length) })

export const scenarios: ReadonlyArray<Scenario> = [
  {
    name: "post",
    title: "POST of 1 KiB",
    about:
      "POST of 1 KiB of JSON, passed as a string; the response is a JSON of 59 bytes, read as text. 50 at once on 50 connections.",
    unit: perSecond,
    contenders: contenders(everybody, ({ addresses }) => ({
      urls: [`${addresses.own}/post`],
      body,
      read: "text",
      length: smallJson.length,
      ca: undefined,
      loops: 50,
      connections: 50
    }))
  }
]
