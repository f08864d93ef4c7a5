/** The events of connections as lines, as they happen. */
import type { ConnectionEvent } from "../ConnectionEvent.ts"
import type { Informational } from "../HttpResponse.ts"
import { printable, size, time } from "./text.ts"

const numbered = (connection: number | undefined): string => connection === undefined ? "" : `#${connection} `

/** Describes an event in words. */
export const describe = (event: ConnectionEvent): string => {
  switch (event._tag) {
    case "Connect":
      return event.port === 0 ? `connecting to ${event.host}` : `connecting to ${event.host}:${event.port}`
    case "Connected":
      return `${numbered(event.connection)}connected for ${event.origin}`
    case "ConnectFailed":
      return `connecting failed: ${event.error?.message ?? "no request needs it any longer"}`
    case "Send":
      return `${numbered(event.connection)}sent ${size(event.bytes)}`
    case "Receive":
      return `${numbered(event.connection)}received ${size(event.bytes)}`
    case "Wait":
      return "waiting for a connection"
    case "WaitEnd":
      return `waited ${time(event.millis)}: ${event.outcome}`
    case "Acquire":
      return `${numbered(event.connection)}acquired, ${event.reused ? "used before" : "new"}`
    case "Release":
      return `${numbered(event.connection)}released`
    case "RequestEnd":
      return `${numbered(event.connection)}${event.method} ended after ${time(event.millis)}: `
        + (event.error === undefined ? `status ${event.status ?? "unknown"}` : event.error._tag)
    case "WarmEnd":
      return `${numbered(event.connection)}warmed by ${event.method} in ${time(event.millis)}: `
        + (event.error === undefined ? `status ${event.status ?? "unknown"}` : event.error._tag)
    case "Retry":
      return `${numbered(event.connection)}sending the request again: ${event.error._tag}`
    case "Reclaim":
      return `${numbered(event.connection)}unread response discarded after ${time(event.millis)}`
    case "Close":
      return `${numbered(event.connection)}closed after ${time(event.millis)} and ${event.requestsServed} `
        + `${event.requestsServed === 1 ? "request" : "requests"}: ${event.reason}`
  }
}

/** Describes an interim response: its status, and the links of a 103. */
export const describeInformational = ({ fields, reason, status }: Informational): string =>
  [`${status} ${reason}`.trimEnd(), ...[...fields].map(([name, value]) => `${name}: ${value}`)].join(" · ")

/** Returns a line with the time since the start. */
export const traceLine = (millis: number, text: string): string => `+${time(millis).padStart(9)}  ${printable(text)}\n`
