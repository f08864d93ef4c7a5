/** The Docker Engine API over its unix socket: containers as data, their logs, and a process in one. */
import { ConnectionPool, HttpRequest, NodeTransport, Origin } from "effect-http-client"
import type { HttpResponse } from "effect-http-client"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { demultiplex } from "./frames.ts"

/** What this program needs of a container. Docker sends much more. */
export class Container extends Schema.Class<Container>("Container")({
  id: Schema.propertySignature(Schema.String).pipe(Schema.fromKey("Id")),
  names: Schema.propertySignature(Schema.Array(Schema.String)).pipe(Schema.fromKey("Names")),
  state: Schema.propertySignature(Schema.String).pipe(Schema.fromKey("State"))
}) {}

/** What Docker says when it refuses, such as "No such container: box". */
const Refusal = Schema.Struct({ message: Schema.String })

export class DockerError extends Data.TaggedError("DockerError")<{
  readonly status: number
  readonly message: string
}> {}

const refusal = (response: HttpResponse.HttpResponse) =>
  Effect.flatMap(
    response.schemaJson(Refusal),
    ({ message }) => Effect.fail(new DockerError({ status: response.status, message }))
  )

/** The version is a part of each path, so that a newer Docker answers as this program expects. */
const path = (rest: string): string => `/v1.43${rest}`

export interface LogOptions {
  /** True to go on with what the container writes from now on. */
  readonly follow: boolean
  /** How many lines of the past. */
  readonly tail: number
}

export const make = (socketPath: string) =>
  Effect.gen(function*() {
    const pool = yield* ConnectionPool.ConnectionPool
    // The host is only what the field Host says. The connection goes to the socket.
    const origin = yield* Origin.make({ scheme: "http", host: "docker", socketPath })

    const get = (target: string, query: Readonly<Record<string, string>>) =>
      Effect.flatMap(
        pool.execute(HttpRequest.get(path(target), {
          origin,
          query,
          // A container may be silent for hours.
          timeouts: { bodyIdle: "30 days" }
        })),
        (response) => response.status === 200 ? Effect.succeed(response) : refusal(response)
      )

    return {
      containers: Effect.flatMap(
        get("/containers/json", { all: "true" }),
        (response) => response.schemaJson(Schema.Array(Container))
      ),

      /** What the container has written and writes. The connection closes with the stream. */
      logs: (id: string, { follow, tail }: LogOptions) =>
        Effect.map(
          get(`/containers/${encodeURIComponent(id)}/logs`, {
            stdout: "true",
            stderr: "true",
            follow: String(follow),
            tail: String(tail)
          }),
          (response) => demultiplex(response.stream)
        ).pipe(Stream.unwrap),

      /**
       * Attaches to the container. `stdin` goes up and the output comes down at the same time. The
       * end of `stdin` is the end of the container's stdin; the output goes on.
       */
      attach: <E, R>(id: string, stdin: Stream.Stream<Uint8Array, E, R>) =>
        Effect.gen(function*() {
          const upgraded = yield* pool.upgrade(
            HttpRequest.post(path(`/containers/${encodeURIComponent(id)}/attach`), {
              origin,
              query: { stream: "true", stdin: "true", stdout: "true", stderr: "true" },
              headers: { Upgrade: "tcp" }
            })
          )
          const sending = Stream.drain(Stream.fromEffect(Stream.run(stdin, upgraded.sink)))
          // The container may end before its stdin does.
          return Stream.merge(demultiplex(upgraded.stream), sending, { haltStrategy: "left" })
        }).pipe(
          Effect.catchTag("UpgradeRefused", ({ response }) => refusal(response)),
          Stream.unwrapScoped
        )
    }
  })

export const connections = ConnectionPool.layer().pipe(Layer.provide(NodeTransport.layer))
