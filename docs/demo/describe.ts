/** Responses, timings and errors as rows of the report. */
import type { HttpError, HttpResponse } from "effect-http-client"
import type { Report } from "./report.ts"
import { millis, printable, size, wrap } from "./report.ts"

/** `connect 0.5 ms · send 0.2 ms`: the phases that happened. */
export const timings = (times: HttpError.Timings): string =>
  Object.entries(times)
    .flatMap(([phase, time]) => time === undefined ? [] : [`${phase} ${millis(time)}`])
    .join(" · ")

export const connection = (
  { id, remoteAddress, remotePort, requestsServed, reused }: HttpError.ConnectionInfo
): string =>
  `#${id} to ${remoteAddress}:${remotePort}, ${reused ? "reused" : "new"}, ${requestsServed} requests served before`

/** Status line, fields, and how the end of the body is known. */
export const head = (report: Report, response: HttpResponse.HttpResponse): void => {
  const { fields, framing, reason, status, version } = response
  report.row("response", report.strong(printable(`HTTP/${version / 10} ${status} ${reason}`)))
  report.row("fields", [...fields].map(([name, value]) => printable(`${name}: ${value}`)).join("\n"))
  report.row("body's framing", framing)
}

/** The connection and the progress of an exchange, in two or three lines. */
export const context = (where: HttpError.ErrorContext): string => {
  const { bytesRead, bytesWritten, connection, fault, origin, phase, processed, replayable, requestState } = where
  const times = timings(where.timings)
  return [
    `phase ${phase} · fault ${fault} · request ${requestState} · processed ${processed} · ${
      replayable ? "" : "not "
    }replayable`,
    `origin ${origin ?? "none yet"} · ` + (connection === undefined
      ? "no connection"
      : `connection #${connection.id} (${connection.requestsServed} served) · written ${size(bytesWritten)} · read ${
        size(bytesRead)
      }`),
    ...(times === "" ? [] : [times])
  ].join("\n")
}

/** Message and context of an error. */
export const error = (failure: HttpError.HttpError): string =>
  `${wrap(printable(failure.message))}\n${context(failure.context)}`
