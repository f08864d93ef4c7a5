/** Callers that have an async context each, and a server that answers when the test says so. */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { AsyncLocalStorage } from "node:async_hooks"
import type * as http from "node:http"
import { Events } from "../fixtures/sockets.ts"
import { bodyOf, webServer } from "../fixtures/web.ts"

export const storage = new AsyncLocalStorage<string>()

/** Notes in whose context it runs. */
export const stores = () => {
  const seen: Array<string> = []
  return {
    seen,
    note: (what: string): Effect.Effect<void> => Effect.sync(() => void seen.push(`${what}: ${storage.getStore()}`))
  }
}

/** Runs an effect as a caller that has a context of its own, beside the test. */
export const as = <A>(caller: string, effect: Effect.Effect<A, unknown>): Effect.Effect<Fiber.RuntimeFiber<A>> =>
  Effect.fork(Effect.promise((signal) => storage.run(caller, () => Effect.runPromise(effect, { signal }))))

/** A server that answers when the test says so: `asked` waits for the request of this path. */
export const server = Effect.gen(function*() {
  const requests = new Events<readonly [path: string, response: http.ServerResponse, request: http.IncomingMessage]>()
  const { port } = yield* webServer((request, response) => {
    const path = request.url ?? ""
    if (path.startsWith("/now")) void bodyOf(request).then(() => response.end("now"))
    else requests.push([path, response, request])
  })
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    asked: (path: string) =>
      Effect.flatMap(requests.until(() => requests.all.some(([asked]) => asked === path)), () =>
        Effect.suspend(() => {
          const found = requests.all.find(([asked]) => asked === path)
          return found === undefined
            ? Effect.die("not asked")
            : Effect.succeed({ response: found[1], request: found[2] })
        }))
  }
})
