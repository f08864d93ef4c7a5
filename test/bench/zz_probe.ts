import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Chunk from "effect/Chunk"
import { fork } from "node:child_process"
import * as http from "node:http"
import * as net from "node:net"
import { fileURLToPath } from "node:url"
import { HttpBody, HttpConnection, HttpRequest, NodeTransport } from "/work/main/src/index.ts"
const mebi = 1024*1024
const piece = Buffer.alloc(65536, 1)
if (process.argv[2] === "server") {
  const server = http.createServer((req, res) => {
    if (req.method === "PUT") { let n = 0; req.on("data", (b) => { n += b.length }); req.on("end", () => res.end(String(n))) }
    else { let left = Number(req.url!.slice(1)); res.writeHead(200, {"content-length": left}); const pump = () => { while (left > 0) { left -= piece.length; if (!res.write(piece)) return void res.once("drain", pump) } res.end() }; pump() }
  })
  server.listen(0, "127.0.0.1", () => process.send!((server.address() as any).port))
} else {
  const child = fork(fileURLToPath(import.meta.url), ["server"])
  child.once("message", (port: number) => {
    const size = 1024 * mebi
    let max = 0, base = 0
    const look = () => { const r = process.memoryUsage.rss() - base; if (r > max) max = r }
    const prog = Effect.gen(function*() {
      const c = yield* HttpConnection.make({ host: "127.0.0.1", port })
      ;(globalThis as any).gc?.()
      base = process.memoryUsage.rss()
      for (let round = 0; round < 2; round++) {
      let t = Date.now(); max = 0
      const r = yield* c.execute(HttpRequest.get("/" + size))
      let n = 0
      yield* Stream.runForEachChunk(r.stream, (chunk) => Effect.sync(() => { for (const b of chunk) n += b.length; look() }))
      console.log("down", n === size, (size / 1e6 / ((Date.now() - t) / 1000)).toFixed(0), "MB/s", "max rss +", (max/1e6).toFixed(1))
      t = Date.now(); max = 0
      let sent = 0
      const body = Stream.repeatEffectChunkOption(Effect.suspend(() => { look(); return sent >= size ? Effect.fail({_tag:"None"} as any) : (sent += piece.length, Effect.succeed(Chunk.of(piece))) }))
      const u = yield* c.execute(HttpRequest.put("/", { body: HttpBody.stream(body as any) }))
      const text = yield* u.text
      console.log("up", text === String(size), (size / 1e6 / ((Date.now() - t) / 1000)).toFixed(0), "MB/s", "max rss +", (max/1e6).toFixed(1), u.connection.requestsServed)
      }
    }).pipe(Effect.scoped, Effect.provide(NodeTransport.layer))
    Effect.runPromise(prog).then(() => child.kill(), (e) => { console.log(e); child.kill() })
  })
}
