/** A streaming download to a file: the server is read as fast as the disk writes, and memory stays flat. */
import { NodeFileSystem } from "@effect/platform-node"
import * as FileSystem from "@effect/platform/FileSystem"
import { HttpConnection, HttpRequest, NodeTransport } from "effect-http-client"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

export const program = (host: string, port: number, path: string) =>
  Effect.gen(function*() {
    const files = yield* FileSystem.FileSystem
    const connection = yield* HttpConnection.make({ host, port })
    const response = yield* connection.execute(HttpRequest.get("/bytes?size=20000000"))
    // A body that ends early fails with `IncompleteRead`, so what is at `path` after a success is whole.
    yield* Stream.run(response.stream, files.sink(path))
    return { expected: Number(response.getHeader("Content-Length")), written: Number((yield* files.stat(path)).size) }
  }).pipe(Effect.scoped, Effect.provide([NodeTransport.layer, NodeFileSystem.layer]))
