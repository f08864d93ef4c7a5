/** JSON in both directions: a request body from a value, and a response decoded by a schema. */
import { HttpConnection, HttpRequest, NodeTransport } from "effect-http-client"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

const Received = Schema.Struct({
  method: Schema.Literal("POST", "PUT"),
  contentType: Schema.String,
  bytes: Schema.NonNegativeInt
})

export const program = (host: string, port: number) =>
  Effect.gen(function*() {
    const connection = yield* HttpConnection.make({ host, port })
    const response = yield* connection.execute(
      HttpRequest.post("/upload", { json: { name: "spam", eggs: 2 }, headers: { Accept: "application/json" } })
    )
    // `BodyDecodeError` if it is not JSON, `ParseError` if it is another value.
    return yield* response.schemaJson(Received)
  }).pipe(Effect.scoped, Effect.provide(NodeTransport.layer))
