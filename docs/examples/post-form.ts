/** A POST of a form, and the redirect that answers it. */
import { HttpConnection, HttpRequest, NodeTransport } from "effect-http-client"
import * as Effect from "effect/Effect"

export const program = (host: string, port: number) =>
  Effect.gen(function*() {
    const form = { "@number": "12524", "@type": "issue", "@action": "show" }
    const connection = yield* HttpConnection.make({ host, port })
    const response = yield* connection.execute(
      HttpRequest.post("/form", { form, headers: { Accept: "text/plain" } })
    )
    const text = yield* response.text
    return { status: response.status, location: response.getHeader("Location"), text }
  }).pipe(Effect.scoped, Effect.provide(NodeTransport.layer))
