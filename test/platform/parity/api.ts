/** A client that is derived from the description of an API, against the server of the same API. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpApiClient from "@effect/platform/HttpApiClient"
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpServer from "@effect/platform/HttpServer"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { createServer } from "node:http"
import { same } from "./case.ts"

class NoUser extends Schema.TaggedError<NoUser>()("NoUser", { id: Schema.Number }) {}

const User = Schema.Struct({ id: Schema.Number, name: Schema.String, born: Schema.Date })
const Id = Schema.Struct({ id: Schema.NumberFromString })

const api = HttpApi.make("api").add(
  HttpApiGroup.make("users")
    .add(
      HttpApiEndpoint.get("find", "/users/:id").setPath(Id).setUrlParams(Schema.Struct({ name: Schema.String }))
        .addSuccess(User).addError(NoUser, { status: 404 })
    )
    .add(
      HttpApiEndpoint.post("add", "/users").setPayload(User).setHeaders(Schema.Struct({ "x-token": Schema.String }))
        .addSuccess(Schema.String, { status: 201 })
    )
    .add(HttpApiEndpoint.del("remove", "/users/:id").setPath(Id))
)

const users = HttpApiBuilder.group(api, "users", (handlers) =>
  handlers
    .handle("find", ({ path: { id }, urlParams: { name } }) =>
      id === 404 ? Effect.fail(new NoUser({ id })) : Effect.succeed({ id, name, born: new Date(0) }))
    .handle("add", ({ headers, payload }) =>
      Effect.succeed(`${payload.name} ${payload.born.getTime()} ${headers["x-token"]}`))
    .handle("remove", () =>
      Effect.void))

const server = HttpApiBuilder.serve().pipe(
  Layer.provide(Layer.provide(HttpApiBuilder.api(api), users)),
  Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })),
  Layer.orDie
)

const client = Effect.gen(function*() {
  const { address } = Context.get(yield* Layer.build(server), HttpServer.HttpServer)
  const port = address._tag === "TcpAddress" ? address.port : 0
  return yield* HttpApiClient.make(api, { baseUrl: `http://127.0.0.1:${port}` })
})

export const cases = [
  same(
    "gives what an endpoint gives, decoded",
    { id: 1, name: "ü x", born: new Date(0) },
    Effect.flatMap(client, ({ users }) => users.find({ path: { id: 1 }, urlParams: { name: "ü x" } }))
  ),
  same(
    "fails with the error of an endpoint",
    new NoUser({ id: 404 }),
    Effect.flatMap(client, ({ users }) => Effect.flip(users.find({ path: { id: 404 }, urlParams: { name: "a" } })))
  ),
  same(
    "sends payload and headers, encoded",
    "a 5 t",
    Effect.flatMap(
      client,
      ({ users }) => users.add({ payload: { id: 1, name: "a", born: new Date(5) }, headers: { "x-token": "t" } })
    )
  ),
  same(
    "has nothing where an endpoint gives nothing",
    undefined,
    Effect.flatMap(client, ({ users }) => users.remove({ path: { id: 1 } }))
  )
]
