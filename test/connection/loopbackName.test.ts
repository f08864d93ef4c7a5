/**
 * A name that always is the loopback address, behind a proxy: the policy judges it here, because the proxy resolves it, and it is the
 * proxy that chooses the family.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as AddressPolicy from "../../src/AddressPolicy.ts"
import * as Proxy from "../../src/Proxy.ts"
import * as T from "../../src/TestTransport.ts"
import { connectTo, contained } from "./harness.ts"

const { allowAll, publicOnly } = AddressPolicy
const policy = (options: Parameters<typeof AddressPolicy.make>[0]) => Either.getOrThrow(AddressPolicy.make(options))

describe("localhost behind a proxy", () => {
  it.effect.each<readonly [string, AddressPolicy.Policy, refused: string | undefined]>([
    ["is allowed where all is", allowAll, undefined],
    ["is refused where only public addresses are allowed", publicOnly, "127.0.0.1"],
    ["is refused if its IPv4 range is denied", policy({ base: allowAll, deny: ["127.0.0.0/8"] }), "127.0.0.1"],
    ["is refused if its IPv6 address is denied", policy({ base: allowAll, deny: ["::1/128"] }), "::1"],
    ["is allowed if one of them is an exception", policy({ allow: ["127.0.0.1/32"] }), undefined],
    [
      "is refused if one is an exception and the other is denied",
      policy({ allow: ["::1/128"], deny: ["127.0.0.0/8"] }),
      "127.0.0.1"
    ]
  ])("%s", ([, rules, refused]) =>
    contained(Effect.gen(function*() {
      const proxy = Either.getOrThrow(Proxy.make({ host: "proxy.test" }))
      const { connection, transport } = yield* connectTo([T.connection(T.discard(), T.stall)], {
        host: "localhost",
        proxy
      })
      const outcome = yield* Effect.either(connection.connect)
      if (Either.isRight(outcome)) return assert.isUndefined(refused)
      const error = outcome.left
      assert.deepStrictEqual(error._tag === "AddressRefused" && [error.host, error.address], [
        "localhost",
        refused ?? ""
      ])
      assert.strictEqual(transport.opened.length, 0)
    })).pipe(Effect.provideService(AddressPolicy.AddressPolicy, rules)))
})
