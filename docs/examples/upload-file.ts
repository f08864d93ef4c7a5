/** An upload of a file, with its Content-Length. If the file cannot be read, nothing is sent. */
import { NodeFileSystem } from "@effect/platform-node"
import { FileBody, HttpConnection, HttpRequest, NodeTransport } from "effect-http-client"
import * as Effect from "effect/Effect"

export const program = (host: string, port: number, path: string) =>
  Effect.gen(function*() {
    const connection = yield* HttpConnection.make({ host, port })
    const body = yield* FileBody.fromPath(path, { contentType: "text/plain" })
    const response = yield* connection.execute(HttpRequest.put("/file", { body }))
    return yield* response.json
  }).pipe(Effect.scoped, Effect.provide([NodeTransport.layer, NodeFileSystem.layer]))
