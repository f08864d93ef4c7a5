/**
 * Two copies of this library in one process, such as two versions of it, do not disturb each other.
 *
 * Effect keeps the default of a `Context.Reference` once a process, by its key. The copy that is
 * used second therefore gets the defaults of the first.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as AddressPolicy from "../src/AddressPolicy.ts"
import * as ConnectionPool from "../src/ConnectionPool.ts"
import * as HttpRequest from "../src/HttpRequest.ts"
import { nameLookup, system } from "../src/internal/effect/resolver.ts"
import * as model from "../src/internal/model/addressPolicy.ts"
import * as T from "../src/TestTransport.ts"

/** A module once more: the query makes it a module of its own. */
const another = <A>(module: string): Promise<A> => {
  const specifier = `${module}?another`
  return import(specifier)
}

const other = await another<typeof model>("../src/internal/model/addressPolicy.ts")
const otherResolver = await another<{ readonly system: typeof system }>("../src/internal/effect/resolver.ts")

const ask = (policy: AddressPolicy.Policy) =>
  Effect.gen(function*() {
    const pool = yield* ConnectionPool.make({ connectRetryTime: 0 })
    return (yield* pool.execute(HttpRequest.get("http://127.0.0.1/"))).status
  }).pipe(
    Effect.scoped,
    Effect.provide(T.layer([
      T.connection(T.discardUntil("\r\n\r\n"), T.reply("HTTP/1.1 204 No Content\r\n\r\n"))
    ])),
    Effect.provideService(AddressPolicy.AddressPolicy, policy)
  )

describe("a policy of another copy", () => {
  it("is really of another copy", () => {
    assert.notStrictEqual(other.allowAll, AddressPolicy.allowAll)
    assert.notStrictEqual(other.allowAll.constructor, AddressPolicy.allowAll.constructor)
  })

  it.effect("is obeyed: one that allows everything", () =>
    Effect.map(ask(other.allowAll), (status) => assert.strictEqual(status, 204)))

  it("is obeyed: ranges that it allows and denies", () => {
    const made = other.make({ allow: ["10.0.0.0/8"], deny: ["10.1.0.0/16"] })
    assert.isTrue(AddressPolicy.isPolicy(made))
    const ruleOf = (address: string) => model.refusalOf(made as AddressPolicy.Policy, address)?.rule
    assert.deepStrictEqual(
      ["10.2.0.1", "10.1.0.1", "127.0.0.1", "1.1.1.1"].map(ruleOf),
      [undefined, "Deny", "Loopback", undefined]
    )
  })

  it("can be the base of another", () => {
    const made = model.make({ base: other.publicOnly, deny: ["1.1.1.1"] }) as AddressPolicy.Policy
    const ruleOf = (address: string) => model.refusalOf(made, address)?.rule
    assert.deepStrictEqual(["1.1.1.1", "127.0.0.1", "8.8.8.8"].map(ruleOf), ["Deny", "Loopback", undefined])
  })

  it("is read again if it can change", () => {
    const deny: Array<string> = []
    const open: AddressPolicy.Policy = { [model.TypeId]: model.TypeId, publicOnly: false, allow: [], deny }
    assert.isTrue(model.allowsAll(open))
    deny.push("127.0.0.0/8")
    assert.strictEqual(model.refusalOf(open, "127.0.0.1")?.rule, "Deny")
  })

  it.each([
    ["no list", { publicOnly: true, allow: "", deny: [] }],
    ["a range that is none", { publicOnly: true, allow: ["x"], deny: [] }],
    ["a number", { publicOnly: true, allow: [], deny: [1] }],
    ["nothing about public addresses", { allow: [], deny: [] }]
  ])("that cannot be read allows nothing: %s", (_, rest) => {
    const broken = { [model.TypeId]: model.TypeId, ...rest } as unknown as AddressPolicy.Policy
    assert.isFalse(AddressPolicy.isPolicy(broken))
    assert.throws(() => model.allowsAll(broken), TypeError)
  })
})

describe("the system's resolver of another copy", () => {
  it("counts as the system's, and needs no fiber", () => {
    assert.notStrictEqual(otherResolver.system, system)
    assert.isUndefined(nameLookup(otherResolver.system))
    assert.isUndefined(nameLookup(system))
  })

  it("does not count as the system's if a program changes it", () => {
    assert.isDefined(nameLookup({ ...system }))
  })
})
