/**
 * Requests to a server in memory, so that the first request of a warm pool finds compiled code.
 *
 * V8 compiles the code of a request when it first runs, and again when it has run a few times. The
 * first request of a process took several times as long as the tenth although its connection was
 * open.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as HttpRequest from "../../HttpRequest.ts"
import type { HttpResponse } from "../../HttpResponse.ts"
import type { Duplex, DuplexInfo, EventLoop, Receiver, Service } from "../../Transport.ts"
import { Transport } from "../../Transport.ts"
import { nodeEventLoop } from "../node/eventLoop.ts"

/** The part of a pool that a rehearsal needs. */
interface Rehearsed {
  execute(request: HttpRequest.HttpRequest): Effect.Effect<Pick<HttpResponse, "text">, unknown>
}

/** More requests make the first request no faster. */
const requests = 10

/** The response of the server in memory: a small response of an API. */
const answer = Buffer.from(
  "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
    + "Connection: keep-alive\r\nKeep-Alive: timeout=5\r\nContent-Length: 14\r\n\r\n{\"ready\":true}",
  "latin1"
)

const info: DuplexInfo = {
  localAddress: undefined,
  localPort: undefined,
  remoteAddress: undefined,
  remotePort: undefined,
  tls: undefined,
  timings: { dns: undefined, connect: undefined, tls: undefined }
}

/** A channel whose peer answers each write, afterwards. */
class Answering implements Duplex {
  readonly info = info
  #receiver: Receiver | undefined = undefined

  write(): boolean {
    queueMicrotask(() => this.#receiver?.onData(answer))
    return true
  }

  drained(callback: () => void): void {
    queueMicrotask(callback)
  }

  attach(receiver: Receiver): void {
    this.#receiver = receiver
  }

  resume(): void {}

  end(): void {}

  destroy(): void {
    this.#receiver = undefined
  }
}

/** There are no sockets to poll. */
const loop: EventLoop = {
  afterPoll: (callback) => queueMicrotask(callback),
  captureContext: () => nodeEventLoop.captureContext()
}

const transport: Service = {
  loop,
  open: () => Effect.sync(() => new Answering()),
  secure: (duplex) => Effect.succeed(duplex)
}

const request = HttpRequest.get("http://localhost/")

/**
 * Sends requests through a pool that `make` creates over a channel in memory. Opens no connection
 * of the process, and holds nothing afterwards. Failures are logged at level Debug, because the
 * pool works without it.
 */
export const rehearse = (
  make: Effect.Effect<Rehearsed, never, Scope.Scope | Transport>
): Effect.Effect<void> =>
  make.pipe(
    Effect.flatMap((pool) => Effect.repeatN(Effect.flatMap(pool.execute(request), ({ text }) => text), requests - 1)),
    Effect.scoped,
    Effect.provideService(Transport, transport),
    Effect.catchAllCause((cause) => Effect.logDebug("The rehearsal of a warm pool failed.", cause)),
    Effect.asVoid
  )
