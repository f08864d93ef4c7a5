/** A 103 as it arrives: the styles of a page are fetched while the server makes the page. */
import { ConnectionPool, HttpRequest, Interim, Link, NodeTransport } from "effect-http-client"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

export const program = (host: string, port: number) =>
  Effect.gen(function*() {
    const pool = yield* ConnectionPool.ConnectionPool
    const url = `http://${host}:${port}/page`
    const text = (url: string) => Effect.flatMap(pool.execute(HttpRequest.get(url)), (response) => response.text)
    const answers = Interim.stream((onInformational) => pool.execute(HttpRequest.get(url, { onInformational })))
    return yield* Stream.runCollect(Stream.mapEffect(answers, (answer) => {
      if (answer._tag === "Response") return answer.response.text
      const [style] = Link.fromFields(answer.informational.fields)
      return style === undefined ? Effect.succeed("nothing to fetch") : text(new URL(style.target, url).href)
    }))
  }).pipe(
    Effect.map((texts) => [...texts]),
    Effect.provide(ConnectionPool.layer()),
    Effect.provide(NodeTransport.layer)
  )
