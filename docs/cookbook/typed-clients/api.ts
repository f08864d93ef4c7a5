/** The descriptions of two APIs, which their servers and clients share. */
import { HttpApi, HttpApiEndpoint, HttpApiGroup } from "@effect/platform"
import { Rpc, RpcGroup } from "@effect/rpc"
import { Schema } from "effect"

export class NoOrder extends Schema.TaggedError<NoOrder>()("NoOrder", { id: Schema.Number }) {}

export class Order extends Schema.Class<Order>("Order")({ id: Schema.Number, item: Schema.String }) {}

/** Orders, as an HTTP API: paths, methods, statuses. */
export const orders = HttpApi.make("orders").add(
  HttpApiGroup.make("orders")
    .add(
      HttpApiEndpoint.get("find", "/orders/:id")
        .setPath(Schema.Struct({ id: Schema.NumberFromString }))
        .addSuccess(Order)
        .addError(NoOrder, { status: 404 })
    )
    .add(
      HttpApiEndpoint.post("place", "/orders")
        .setPayload(Schema.Struct({ item: Schema.String }))
        .addSuccess(Order, { status: 201 })
    )
)

export class NoPrice extends Schema.TaggedError<NoPrice>()("NoPrice", { item: Schema.String }) {}

/** Prices, as procedures. One of them streams. */
export class Prices extends RpcGroup.make(
  Rpc.make("price", { payload: { item: Schema.String }, success: Schema.Number, error: NoPrice }),
  Rpc.make("watch", { payload: { item: Schema.String }, success: Schema.Number, stream: true })
) {}
