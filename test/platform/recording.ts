/** A tracer for tests of spans: keeps what it made, and fails where a span is ended twice. */
import { assert } from "@effect/vitest"
import * as Tracer from "effect/Tracer"

/** A tracer that keeps its spans. */
export const recording = (): { readonly tracer: Tracer.Tracer; readonly spans: Array<Tracer.Span> } => {
  const spans: Array<Tracer.Span> = []
  const tracer = Tracer.make({
    span: (name, parent, context, links, startTime, kind) => {
      const attributes = new Map<string, unknown>()
      let status: Tracer.SpanStatus = { _tag: "Started", startTime }
      const span: Tracer.Span = {
        _tag: "Span",
        name,
        spanId: String(spans.length).padStart(16, "0"),
        traceId: "a".repeat(32),
        parent,
        context,
        get status() {
          return status
        },
        attributes,
        links,
        sampled: true,
        kind,
        end: (endTime, exit) => {
          assert.strictEqual(status._tag, "Started", "ended twice")
          status = { _tag: "Ended", startTime, endTime, exit }
        },
        attribute: (key, value) => void attributes.set(key, value),
        event: () => {},
        addLinks: () => {}
      }
      spans.push(span)
      return span
    },
    context: (f) => f()
  })
  return { tracer, spans }
}
