/**
 * Saves a response under the name that the server suggests: never outside of the folder, and never
 * over another file.
 */
import { NodeFileSystem } from "@effect/platform-node"
import * as FileSystem from "@effect/platform/FileSystem"
import { ConnectionPool, ContentDisposition, HttpRequest, HttpResponse, NodeTransport } from "effect-http-client"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"

export const program = (url: string, folder: string) =>
  Effect.gen(function*() {
    const files = yield* FileSystem.FileSystem
    const pool = yield* ConnectionPool.ConnectionPool
    const response = yield* Effect.flatMap(pool.execute(HttpRequest.get(url)), HttpResponse.filterStatusOk)
    // From Content-Disposition or the URL: one segment of a path, whatever the server sends.
    const name = Option.getOrElse(ContentDisposition.fileName(response), () => "download")
    // `wx` fails if the file exists.
    yield* Stream.run(response.stream, files.sink(`${folder}/${name}`, { flag: "wx" }))
    return { name, text: yield* files.readFileString(`${folder}/${name}`) }
  }).pipe(Effect.provide(ConnectionPool.layer()), Effect.provide([NodeTransport.layer, NodeFileSystem.layer]))
