/** The fields of requests that are not compared: they change with each run, or with the client. */

const names: ReadonlySet<string> = new Set([
  // Times and numbers that are new in each request.
  "age",
  "date",
  "idempotency-key",
  "x-amz-date",
  "x-correlation-id",
  "x-request-id",
  // Tracing.
  "b3",
  "baggage",
  "sentry-trace",
  "traceparent",
  "tracestate",
  "x-b3-flags",
  "x-b3-parentspanid",
  "x-b3-sampled",
  "x-b3-spanid",
  "x-b3-traceid",
  // The client chooses these, and a later version of it may choose differently.
  "accept-encoding",
  "connection",
  "content-length",
  "expect",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "user-agent"
])

/** Returns a test for the names, in lower case, that are not compared. */
export const tolerant = (more: ReadonlyArray<string | RegExp>): (name: string) => boolean => {
  const texts = new Set(more.flatMap((name) => typeof name === "string" ? [name.toLowerCase()] : []))
  const expressions = more.filter((name) => name instanceof RegExp)
    .map((name) => new RegExp(name.source, name.flags.replace(/[gy]/g, "")))
  return (name) => names.has(name) || texts.has(name) || expressions.some((expression) => expression.test(name))
}
