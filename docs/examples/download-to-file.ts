/**
 * A download to a file that continues where it stopped: memory stays flat, and the file gets its
 * name when it is complete.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { ConnectionPool, Download, HttpRequest, NodeTransport } from "effect-http-client"
import * as Effect from "effect/Effect"

export const program = (host: string, port: number, path: string) => {
  let reported = 0
  return Download.toFile(HttpRequest.get(`http://${host}:${port}/bytes?size=20000000`), path, {
    onProgress: ({ bytes }) => Effect.sync(() => (reported = bytes))
  }).pipe(
    Effect.map(({ bytes, resumedFrom }) => ({ bytes, resumedFrom, reported })),
    Effect.provide(ConnectionPool.layer()),
    Effect.provide([NodeTransport.layer, NodeFileSystem.layer])
  )
}
