/**
 * The rules of a pool, one example each. That they hold whatever happens is in `poolState.properties.test.ts`.
 *
 * A story names requests by letters, and connections by the numbers in which they were opened.
 */
import { assert, describe, it } from "@effect/vitest"
import type { Linked } from "../../src/internal/pool/list.ts"
import { List } from "../../src/internal/pool/list.ts"
import { PoolState } from "../../src/internal/pool/policy.ts"
import type { Hint, Limits } from "../../src/internal/pool/slots.ts"
import { Slot, Waiter } from "../../src/internal/pool/slots.ts"

const generous: Limits = {
  connectionsPerOrigin: 10,
  connections: 10,
  idlePerOrigin: 10,
  idle: 10,
  waiters: 10,
  requestsPerConnection: Infinity,
  idleMillis: 1000,
  retryMillis: 1000,
  backoffMillis: 160,
  selection: "newest"
}

interface Ask {
  readonly origin?: string
  readonly fresh?: boolean
  /** The request whose place it has, after one that was in vain. */
  readonly again?: string
}

class Connection extends Slot<string, Connection, Request> {}

class Request extends Waiter<string, Connection, Request> {
  readonly name: string

  constructor(name: string, fresh: boolean) {
    super()
    this.name = name
    this.requireNew = fresh
  }
}

const stateOf = (limits: Limits, random: () => number) =>
  new PoolState<string, Connection, Request>(limits, random, (group, request) => new Connection(group, request))

class Story {
  readonly state: PoolState<string, Connection, Request>
  now = 0
  readonly #slots: Array<Connection> = []
  readonly #requests = new Map<string, Request>()

  constructor(limits: Partial<Limits> = {}) {
    // Pauses are as long as can be.
    this.state = stateOf({ ...generous, ...limits }, () => 0)
  }

  /** Requests that come one after the other, and what is decided about each. */
  ask(names: string, { again, fresh = false, origin = "x" }: Ask = {}): ReadonlyArray<string> {
    const decided: Array<string> = []
    for (const name of names) {
      const slot = fresh ? undefined : this.state.acquire(origin, this.now)
      decided.push(...this.#decided())
      if (slot !== undefined) {
        decided.push(`${name} takes ${this.#number(slot)}`)
        continue
      }
      const request = new Request(name, fresh)
      if (again !== undefined) {
        request.order = this.request(again).order
        request.accepted = true
      }
      decided.push(...this.enqueue(request, origin))
    }
    return decided
  }

  enqueue(request: Request, origin = "x"): ReadonlyArray<string> {
    const queued = this.state.enqueue(request, origin, () => origin, this.now)
    if (queued) this.#requests.set(request.name, request)
    return [...this.#decided(), ...(queued ? [] : [`${request.name} is one too many`])]
  }

  opened(number: number, lifetime = Infinity): ReadonlyArray<string> {
    this.state.connected(this.slot(number), this.now, lifetime)
    return this.#decided()
  }

  failed(number: number): ReadonlyArray<string> {
    return this.#failed(number, false)
  }

  /** As `failed`, where that may be over in a moment. */
  refused(number: number): ReadonlyArray<string> {
    return this.#failed(number, true)
  }

  #failed(number: number, recoverable: boolean): ReadonlyArray<string> {
    const { lost } = this.state.failed(this.slot(number), this.now, recoverable)
    return [...lost.map(({ name }) => `${name} fails`), ...this.#decided()]
  }

  back(number: number, hint?: Partial<Hint>): ReadonlyArray<string> {
    this.state.release(this.slot(number), this.now, hint && { idleMillis: Infinity, left: Infinity, ...hint })
    return this.#decided()
  }

  gone(number: number): ReadonlyArray<string> {
    this.state.gone(this.slot(number))
    return this.#decided()
  }

  cancel(name: string): ReadonlyArray<string> {
    const abandoned = this.state.cancel(this.request(name), this.now)
    return [
      ...this.#decided(),
      ...(abandoned === undefined ? [] : [`${name} awaits the end of ${this.#number(abandoned)}`])
    ]
  }

  does(action: (state: Story["state"]) => void): ReadonlyArray<string> {
    action(this.state)
    return this.#decided()
  }

  /** Connections that have served, the last one newest. */
  idle(origin: string, count: number): this {
    const from = this.#slots.length
    for (let i = 0; i < count; i++) this.ask("-", { origin, fresh: true })
    for (let i = from + 1; i <= from + count; i++) this.opened(i)
    for (let i = from + 1; i <= from + count; i++) this.back(i)
    return this
  }

  slot(number: number): Connection {
    const slot = this.#slots[number - 1]
    if (slot === undefined) throw new Error(`connection ${number} was not opened`)
    return slot
  }

  request(name: string): Request {
    const request = this.#requests.get(name)
    if (request === undefined) throw new Error(`${name} does not wait`)
    return request
  }

  get counts() {
    const { busy, connecting, groups, idle, waiting } = this.state
    return { busy, connecting, idle: idle.size, waiting, origins: groups.size }
  }

  #number(slot: Connection): number {
    return this.#slots.indexOf(slot) + 1
  }

  #decided(): ReadonlyArray<string> {
    return this.state.commands.splice(0).map((command) => {
      switch (command._tag) {
        case "Open":
          this.#slots.push(command.slot)
          return `open ${this.#number(command.slot)} for ${command.waiter.name}`
        case "Warm":
          this.#slots.push(command.slot)
          return `open ${this.#number(command.slot)}`
        case "Greet":
          return `greet ${this.#number(command.slot)}`
        case "Give": {
          const { slot, waiter } = command
          assert.strictEqual(waiter.granted, slot)
          return `give ${this.#number(slot)} to ${waiter.name}`
        }
        case "Adopt": {
          const { slot, waiter } = command
          assert.strictEqual(waiter.attempt, slot)
          return `${waiter.name} has ${this.#number(slot)} opened`
        }
        case "Orphan":
          return `${command.waiter.name} has nothing opened`
        case "Postpone":
          return `${command.waiter.name} waits for the next opening`
        case "Fail":
          return `${command.waiter.name} has the last failure`
        case "Refuse":
          return `refuse ${command.waiter.name}`
        case "Close":
          return `close ${this.#number(command.slot)} (${command.reason})`
        case "Reclaim":
          return `take ${this.#number(command.slot)} from its response`
        case "Abort":
          return `give up ${this.#number(command.slot)}`
      }
    })
  }
}

const same = (actual: ReadonlyArray<string>, ...expected: ReadonlyArray<string>): void =>
  assert.deepStrictEqual(actual, expected)

describe("a connection for a request", () => {
  it("is opened where none is idle", () => {
    const pool = new Story()
    same(pool.ask("AB"), "open 1 for A", "open 2 for B")
    same(pool.opened(2), "give 2 to A", "B has 1 opened")
    same(pool.opened(1), "give 1 to B")
  })

  it("is the newest idle one", () => {
    const pool = new Story().idle("x", 3)
    same(pool.ask("ABC"), "A takes 3", "B takes 2", "C takes 1")
  })

  it("is one of its own origin", () => {
    const pool = new Story().idle("x", 1)
    same(pool.ask("A", { origin: "y" }), "open 2 for A")
  })

  it("is whichever comes free first, and what is opened for it goes to the next", () => {
    const pool = new Story({ connectionsPerOrigin: 2 })
    pool.ask("A")
    pool.opened(1)
    same(pool.ask("BC"), "open 2 for B")
    same(pool.back(1), "give 1 to B", "C has 2 opened")
    same(pool.opened(2), "give 2 to C")
  })

  it("is kept when it is open at last and nobody waits any more", () => {
    const pool = new Story()
    pool.ask("A")
    pool.opened(1)
    pool.ask("B")
    same(pool.back(1), "give 1 to B")
    same(pool.opened(2))
    same(pool.ask("C"), "C takes 2")
  })
})

describe("who waits", () => {
  it("is served in order", () => {
    const pool = new Story({ connectionsPerOrigin: 1 })
    same(pool.ask("ABC"), "open 1 for A")
    same(pool.opened(1), "give 1 to A")
    same(pool.back(1), "give 1 to B")
    same(pool.back(1), "give 1 to C")
    same(pool.back(1))
  })

  it("fails if too many wait, not counting those for whom a connection is being opened", () => {
    const pool = new Story({ connectionsPerOrigin: 2, waiters: 1 })
    same(pool.ask("ABCD"), "open 1 for A", "open 2 for B", "D is one too many")
    same(pool.ask("E", { origin: "y" }), "open 3 for E")
  })

  it("is counted apart from what is being opened for nobody", () => {
    const pool = new Story({ connectionsPerOrigin: 2, waiters: 1 })
    pool.ask("AB", { origin: "y" })
    pool.ask("C")
    pool.opened(3)
    pool.ask("D")
    same(pool.back(3), "give 3 to D")
    pool.opened(1)
    pool.opened(2)
    same(pool.ask("EF", { origin: "y" }), "F is one too many")
  })

  it("has the next place when a connection is lost", () => {
    const pool = new Story({ connectionsPerOrigin: 1 })
    pool.ask("AB")
    pool.opened(1)
    same(pool.gone(1), "open 2 for B")
  })

  it("fails with the opening that is its own, and the next one has its place", () => {
    const pool = new Story({ connectionsPerOrigin: 1 })
    pool.ask("AB")
    same(pool.failed(1), "A fails", "open 2 for B")
  })

  it("comes before those who came later when what it was given was dead", () => {
    const pool = new Story({ connectionsPerOrigin: 1 })
    pool.ask("ABCD")
    pool.opened(1)
    pool.cancel("C")
    same(pool.back(1), "give 1 to B")
    same(pool.gone(1), "open 2 for D")
    same(pool.ask("b", { again: "B" }))
    assert.deepStrictEqual(
      [...pool.state.groups.values()].flatMap(({ waiting }) => [...waiting]).map((_) => _.name),
      ["b", "D"]
    )
    same(pool.opened(2), "give 2 to b", "D has nothing opened")
    same(pool.back(2), "give 2 to D")
  })

  it("is in front of all requests that began later, where its idle connection had closed", () => {
    const pool = new Story({ connectionsPerOrigin: 1 })
    const early = new Request("A", false)
    early.order = pool.state.drawOrder()
    pool.ask("BC")
    early.accepted = true
    same(pool.enqueue(early))
    same(pool.opened(1), "give 1 to A", "B has nothing opened")
    same(pool.back(1), "give 1 to B")
  })

  it("is behind all requests that wait already, where it has not had its turn", () => {
    const pool = new Story({ connectionsPerOrigin: 1 })
    const early = new Request("A", false)
    early.order = pool.state.drawOrder()
    pool.ask("B")
    same(pool.enqueue(early))
    same(pool.opened(1), "give 1 to B")
  })

  it("is behind all others where it has had its turn without a place in the queue", () => {
    const pool = new Story({ connectionsPerOrigin: 1 })
    pool.ask("AB")
    const late = new Request("C", false)
    late.accepted = true
    same(pool.enqueue(late))
    assert.isAbove(late.order, pool.request("B").order)
    same(pool.opened(1), "give 1 to A")
    same(pool.back(1), "give 1 to B")
  })

  it("comes back as the same object, to the same place", () => {
    const pool = new Story({ connectionsPerOrigin: 1 })
    pool.ask("ABC")
    pool.opened(1)
    same(pool.back(1), "give 1 to B")
    same(pool.gone(1), "open 2 for C")
    const again = pool.request("B")
    again.accepted = true
    same(pool.enqueue(again))
    assert.deepStrictEqual([again.waiting, again.granted, again.attempt], [true, undefined, undefined])
    same(pool.opened(2), "give 2 to B", "C has nothing opened")
    assert.deepStrictEqual([again.waiting, again.granted], [false, pool.slot(2)])
  })

  it("gets an opening that is nobody's, also where its origin has no room", () => {
    const pool = new Story({ connectionsPerOrigin: 2, waiters: 0 })
    pool.ask("A")
    pool.opened(1)
    pool.ask("B")
    same(pool.back(1), "give 1 to B")
    same(pool.ask("C"), "C has 2 opened")
    same(pool.ask("D"), "D is one too many")
    same(pool.opened(2), "give 2 to C")
  })
})

describe("where a connection cannot be opened for the moment", () => {
  const tryAgain = (pool: Story, now: number): ReadonlyArray<string> => {
    pool.now = now
    return pool.does((state) => state.tryAgain(now))
  }

  it("whoever waits goes on waiting, and one opening after a pause is for all", () => {
    const pool = new Story()
    same(pool.ask("AB"), "open 1 for A", "open 2 for B")
    same(pool.refused(1), "A waits for the next opening")
    same(pool.ask("C"))
    assert.strictEqual(pool.state.pausesUntil, 10)
    same(tryAgain(pool, 9))
    same(pool.refused(2), "B waits for the next opening")
    same(tryAgain(pool, 10), "open 3 for A")
    same(pool.ask("D"))
    assert.strictEqual(pool.state.pausesUntil, Infinity)
    same(pool.opened(3), "give 3 to A", "open 4 for B", "open 5 for C", "open 6 for D")
    same(pool.ask("E"), "open 7 for E")
  })

  it("pauses grow up to the longest, and those that were begun together count once", () => {
    const pool = new Story()
    same(pool.ask("AB"), "open 1 for A", "open 2 for B")
    pool.refused(1)
    pool.refused(2)
    const pauses: Array<number> = []
    for (let opening = 3; opening < 10; opening++) {
      const { pausesUntil } = pool.state
      pauses.push(pausesUntil - pool.now)
      same(tryAgain(pool, pausesUntil), `open ${opening} for A`)
      pool.refused(opening)
    }
    assert.deepStrictEqual(pauses, [10, 20, 40, 80, 160, 160, 160])
  })

  it("pauses vary by half of themselves", () => {
    const state = stateOf(generous, () => 0.9)
    state.enqueue(new Request("A", false), "x", () => "x", 0)
    const [open] = state.commands
    if (open?._tag === "Open") state.failed(open.slot, 0, true)
    assert.strictEqual(state.pausesUntil, 6)
  })

  it("all who wait have the failure when it has lasted for long, and whoever comes in the pause after it", () => {
    const pool = new Story()
    pool.ask("AB")
    pool.refused(1)
    pool.refused(2)
    same(tryAgain(pool, 999), "open 3 for A")
    pool.now = 1000
    same(pool.refused(3), "A fails", "B fails")
    same(pool.ask("C"), "C has the last failure")
    pool.now = 1020
    same(pool.ask("D"), "open 4 for D")
    same(pool.refused(4), "D fails")
  })

  it("nobody waits in an outage of which nobody has heard for long: it counts anew", () => {
    const pool = new Story()
    pool.ask("A")
    pool.now = 5000
    pool.refused(1)
    pool.cancel("A")
    pool.now = 6001
    same(pool.ask("B"), "open 2 for B")
    pool.now = 7000
    same(pool.refused(2), "B waits for the next opening")
  })

  it("those who may get a connection that is in use wait for it, but whose opening it was", () => {
    const pool = new Story({ connectionsPerOrigin: 2 })
    pool.ask("-")
    pool.opened(1)
    same(pool.ask("AB"), "open 2 for A")
    pool.refused(2)
    same(tryAgain(pool, 1000), "open 3 for A")
    same(pool.refused(3), "A fails")
    same(pool.ask("C"))
    same(pool.back(1), "give 1 to B")
  })

  it("a failure of another kind is that of whose opening it was, and ends the outage", () => {
    const pool = new Story()
    pool.ask("AB")
    pool.refused(1)
    same(pool.failed(2), "B fails", "open 3 for A")
  })

  it("whoever gives up leaves the opening to the next", () => {
    const pool = new Story()
    pool.ask("AB")
    pool.refused(1)
    pool.refused(2)
    tryAgain(pool, 10)
    same(pool.cancel("A"), "B has 3 opened")
    same(pool.cancel("B"), "give up 3", "B awaits the end of 3")
  })

  it("all fail at once where nobody is to wait, and whoever comes in the pause", () => {
    const pool = new Story({ retryMillis: 0, connectionsPerOrigin: 1 })
    same(pool.ask("ABC"), "open 1 for A")
    same(pool.refused(1), "A fails", "B fails", "C fails")
    same(pool.ask("D"), "D has the last failure")
    pool.now = 10
    same(pool.ask("E"), "open 2 for E")
  })

  it("each has an opening of its own where there are no pauses", () => {
    const pool = new Story({ retryMillis: 0, backoffMillis: 0, connectionsPerOrigin: 1 })
    pool.ask("AB")
    same(pool.refused(1), "A fails", "open 2 for B")
  })

  it("does not end with a connection that was gone before it was used: the pauses go on growing, and patience is not begun again", () => {
    const pool = new Story({ connectionsPerOrigin: 1 })
    pool.ask("A")
    pool.refused(1)
    const outage = pool.state.groups.get("x")?.outage
    tryAgain(pool, 10)
    const slot = pool.slot(2)
    pool.opened(2)
    pool.gone(2)
    assert.strictEqual(pool.state.lost("x", pool.now, slot.ended), outage)
    assert.strictEqual(outage?.failures, 2)
    // One that ended long ago says nothing.
    const later = pool.state.lost("y", 1_000_000, slot.ended)
    assert.notStrictEqual(later, outage)
    assert.strictEqual(later?.failures, 1)
  })

  it("a connection that was gone before it was used begins one, or goes on with it", () => {
    const pool = new Story()
    pool.ask("A")
    pool.opened(1)
    pool.gone(1)
    assert.strictEqual(pool.state.lost("x", 0)?.failures, 1)
    same(pool.ask("a", { again: "A" }))
    same(tryAgain(pool, 10), "open 2 for a")
    pool.ask("B", { origin: "y" })
    pool.opened(3)
    assert.strictEqual(pool.state.lost("y", pool.now)?.failures, 1)
    same(pool.ask("C", { origin: "y" }))
  })
})

describe("a response that nobody has begun to read", () => {
  const reclaim = (pool: Story, read: ReadonlyArray<number> = []) =>
    pool.does((state) => void state.reclaim(pool.now, (slot) => !read.some((number) => pool.slot(number) === slot)))
  const unread = (pool: Story, number: number, from: number): void =>
    pool.state.unread(pool.slot(number), pool.now, from)

  /** Connections that are in use. */
  const busy = (limits: Partial<Limits>, ...origins: ReadonlyArray<string>): Story => {
    const pool = new Story(limits)
    for (const [index, origin] of origins.entries()) {
      pool.ask("-", { origin })
      pool.opened(index + 1)
    }
    return pool
  }

  it("gives its connection up for a request that waits where its origin has no room", () => {
    const pool = busy({ connectionsPerOrigin: 1 }, "x")
    unread(pool, 1, 10)
    same(pool.ask("A"))
    same(reclaim(pool))
    pool.now = 10
    same(reclaim(pool), "take 1 from its response", "open 2 for A")
  })

  it("gives it up for a request to another origin where the total is the limit", () => {
    const pool = busy({ connections: 2 }, "x", "y")
    unread(pool, 1, 0)
    same(pool.ask("A", { origin: "z" }))
    same(reclaim(pool), "take 1 from its response", "open 3 for A")
  })

  it("keeps it where that would not help whoever waits", () => {
    const pool = busy({ connectionsPerOrigin: 1 }, "x", "y")
    unread(pool, 1, 0)
    same(pool.ask("A", { origin: "y" }))
    same(reclaim(pool))
    assert.strictEqual(pool.state.reclaim(0, () => true), Infinity)
  })

  it("keeps it while nobody waits, or a connection is being opened for whoever does", () => {
    const pool = busy({}, "x")
    unread(pool, 1, 0)
    same(reclaim(pool))
    same(pool.ask("A"), "open 2 for A")
    same(reclaim(pool))
  })

  it("is the one that may be taken first, and no more are taken than requests wait", () => {
    const pool = busy({ connectionsPerOrigin: 3 }, "x", "x", "x")
    unread(pool, 2, 10)
    unread(pool, 3, 10)
    unread(pool, 1, 20)
    pool.now = 30
    same(pool.ask("AB"))
    same(reclaim(pool), "take 2 from its response", "open 4 for A", "take 3 from its response", "open 5 for B")
    same(pool.ask("C"))
    assert.strictEqual(pool.state.reclaim(19, () => true), 20)
  })

  it("is none any more when somebody reads it, or its connection is free", () => {
    const pool = busy({ connectionsPerOrigin: 2 }, "x", "x")
    unread(pool, 1, 0)
    unread(pool, 2, 0)
    same(pool.ask("A"))
    same(reclaim(pool, [1, 2]))
    same(reclaim(pool))
    unread(pool, 1, 0)
    same(pool.back(1), "give 1 to A")
    same(pool.ask("B"))
    same(reclaim(pool))
  })

  it("has nothing to give up when its connection has closed", () => {
    const pool = busy({ connectionsPerOrigin: 1 }, "x")
    pool.gone(1)
    unread(pool, 1, 0)
    assert.strictEqual(pool.state.unreadSlots.size, 0)
  })
})

describe("who gives up waiting", () => {
  it("leaves its place", () => {
    const pool = new Story({ connectionsPerOrigin: 1 })
    pool.ask("ABC")
    same(pool.cancel("B"))
    pool.opened(1)
    same(pool.back(1), "give 1 to C")
  })

  it("leaves its opening to the next", () => {
    const pool = new Story({ connectionsPerOrigin: 1 })
    pool.ask("AB")
    same(pool.cancel("A"), "B has 1 opened")
  })

  it("awaits the end of its opening if nobody else wants it, and its place is free at once", () => {
    const pool = new Story({ connections: 1 })
    pool.ask("A")
    pool.ask("B", { origin: "y" })
    same(pool.cancel("A"), "give up 1", "open 2 for B", "A awaits the end of 1")
  })

  it("leaves what it was given already to the next, as if it had not been given", () => {
    const pool = new Story({ connectionsPerOrigin: 1, requestsPerConnection: 1 })
    pool.ask("ABC")
    same(pool.opened(1), "give 1 to A")
    same(pool.cancel("A"), "give 1 to B")
    assert.strictEqual(pool.slot(1).served, 1)
    same(pool.cancel("A"))
    same(pool.back(1), "close 1 (Requests)", "open 2 for C")
  })
})

describe("who wants a connection that has served nobody", () => {
  it("has one opened, although another is idle", () => {
    const pool = new Story().idle("x", 1)
    same(pool.ask("A", { fresh: true }), "open 2 for A")
  })

  it("has one opened in place of the oldest idle one where its origin has no room", () => {
    const pool = new Story({ connectionsPerOrigin: 2 }).idle("x", 2)
    same(pool.ask("A", { fresh: true }), "close 1 (Room)", "open 3 for A")
  })

  it("lets those behind it have what has served", () => {
    const pool = new Story({ connectionsPerOrigin: 2 })
    pool.ask("A")
    pool.opened(1)
    pool.ask("B", { fresh: true })
    pool.ask("C")
    same(pool.back(1), "give 1 to C")
    same(pool.opened(2), "give 2 to B")
  })

  it("has the place of what comes free before those who came later", () => {
    const pool = new Story({ connectionsPerOrigin: 1 })
    pool.ask("A")
    pool.opened(1)
    pool.ask("B", { fresh: true })
    pool.ask("C")
    same(pool.back(1), "close 1 (Room)", "open 2 for B")
  })

  it("takes what was given to another and not used", () => {
    const pool = new Story({ connectionsPerOrigin: 1 })
    pool.ask("A")
    pool.opened(1)
    pool.ask("B", { fresh: true })
    same(pool.cancel("A"), "give 1 to B")
  })
})

describe("where the total is the limit", () => {
  it("the oldest idle connection of all makes room", () => {
    const pool = new Story({ connections: 2 }).idle("x", 1).idle("y", 1)
    same(pool.ask("A", { origin: "z" }), "close 1 (Room)", "open 3 for A")
  })

  it("an opening that is nobody's makes room", () => {
    const pool = new Story({ connections: 2 })
    pool.ask("A")
    pool.opened(1)
    pool.ask("B")
    pool.back(1)
    same(pool.ask("C", { origin: "y" }), "give up 2", "open 3 for C")
  })

  it("an opening whose request got another connection makes room for the oldest of all", () => {
    const pool = new Story({ connections: 2 })
    pool.ask("A")
    pool.opened(1)
    pool.ask("B")
    pool.ask("C", { origin: "y" })
    same(pool.back(1), "give 1 to B", "give up 2", "open 3 for C")
  })

  it("a place that comes free is the oldest request's, of whatever origin", () => {
    const pool = new Story({ connections: 1 })
    pool.ask("A")
    pool.opened(1)
    pool.ask("B", { origin: "y" })
    pool.ask("C")
    pool.ask("D", { origin: "z" })
    same(pool.back(1), "close 1 (Room)", "open 2 for B")
    pool.opened(2)
    same(pool.gone(2), "open 3 for C")
    pool.opened(3)
    same(pool.back(3), "close 3 (Room)", "open 4 for D")
  })

  it("a request whose origin has no room lets younger ones of others have the place", () => {
    const pool = new Story({ connections: 2, connectionsPerOrigin: 1 })
    pool.ask("A")
    pool.ask("B", { origin: "y" })
    pool.opened(1)
    pool.opened(2)
    pool.ask("C")
    pool.ask("D", { origin: "z" })
    same(pool.back(2), "close 2 (Room)", "open 3 for D")
  })

  it("a connection that was just opened is not closed for another origin", () => {
    const pool = new Story({ connections: 1 })
    pool.ask("A")
    pool.ask("B", { origin: "y" })
    pool.ask("C")
    pool.cancel("A")
    same(pool.opened(1), "give 1 to C")
  })
})

describe("a connection is closed", () => {
  it("after so many requests", () => {
    const pool = new Story({ requestsPerConnection: 2 }).idle("x", 1)
    same(pool.ask("A"), "A takes 1")
    same(pool.back(1), "close 1 (Requests)")
  })

  it("after as many requests as the server says", () => {
    const pool = new Story().idle("x", 1)
    pool.ask("A")
    same(pool.back(1, { left: 1 }))
    pool.ask("B")
    same(pool.back(1), "close 1 (Requests)")
    pool.ask("C")
    pool.opened(2)
    same(pool.back(2, { left: 0 }), "close 2 (Requests)")
  })

  it("when it comes free after its lifetime, but not before it has served once", () => {
    const pool = new Story({ connectionsPerOrigin: 1 })
    pool.ask("AB")
    same(pool.opened(1, 0), "give 1 to A")
    same(pool.back(1), "close 1 (Lifetime)", "open 2 for B")
    pool.opened(2, 50)
    pool.now = 49
    same(pool.back(2))
    same(pool.ask("C"), "C takes 2")
    pool.now = 50
    same(pool.back(2), "close 2 (Lifetime)")
  })

  it("when it has been idle for too long, or longer than the server says", () => {
    const pool = new Story({ idleMillis: 100 })
    pool.ask("ABC")
    for (const number of [1, 2, 3]) pool.opened(number, number === 3 ? 30 : Infinity)
    pool.back(1)
    pool.back(2, { idleMillis: 60 })
    pool.back(3, { idleMillis: 200 })
    const next: Array<number> = []
    const at = (now: number) => {
      pool.now = now
      return pool.does((state) => next.push(state.expire(now)))
    }
    same(at(29))
    same(at(30), "close 3 (Lifetime)")
    same(at(60), "close 2 (IdleTime)")
    same(at(99))
    same(at(100), "close 1 (IdleTime)")
    assert.deepStrictEqual(next, [30, 60, 100, 100, Infinity])
  })

  it("rather than given out when it is found too old", () => {
    const pool = new Story({ idleMillis: 100 })
    pool.ask("AB")
    pool.opened(1)
    pool.opened(2)
    pool.back(1)
    pool.back(2, { idleMillis: 50 })
    pool.now = 50
    same(pool.ask("C"), "close 2 (IdleTime)", "C takes 1")
  })

  it("when the server's time is over, although it was given out meanwhile and not used", () => {
    const pool = new Story({ connectionsPerOrigin: 1 })
    pool.ask("AB")
    pool.opened(1)
    same(pool.back(1, { idleMillis: 50 }), "give 1 to B")
    pool.now = 20
    same(pool.cancel("B"))
    pool.now = 50
    same(pool.ask("C"), "close 1 (IdleTime)", "open 2 for C")
  })

  it("when its time is over before it is given back unused", () => {
    const pool = new Story({ connectionsPerOrigin: 1, idleMillis: 100 })
    pool.ask("ABC")
    pool.opened(1, 40)
    pool.now = 40
    same(pool.cancel("A"), "close 1 (Lifetime)", "open 2 for B")
    pool.opened(2)
    pool.now = 141
    same(pool.cancel("B"), "close 2 (IdleTime)", "open 3 for C")
  })

  it("as the oldest, where more are idle than an origin may have", () => {
    const pool = new Story({ idlePerOrigin: 2 }).idle("y", 1)
    pool.ask("ABC")
    for (const number of [2, 3, 4]) pool.opened(number)
    pool.back(3)
    pool.back(4)
    same(pool.back(2), "close 3 (IdleLimit)")
  })

  it("as the oldest of all, where more are idle than may be", () => {
    const pool = new Story({ idle: 2 }).idle("y", 1).idle("x", 1)
    pool.ask("A", { origin: "z" })
    pool.opened(3)
    same(pool.back(3), "close 1 (IdleLimit)")
  })

  it("at once, where none may be idle", () => {
    const pool = new Story({ idlePerOrigin: 0 })
    pool.ask("A")
    pool.opened(1)
    same(pool.back(1), "close 1 (IdleLimit)")
  })

  it("once: what is heard of it afterwards changes nothing", () => {
    const pool = new Story({ connectionsPerOrigin: 1 })
    pool.ask("A")
    pool.opened(1)
    pool.gone(1)
    same([...pool.gone(1), ...pool.back(1)])
    assert.deepStrictEqual(pool.counts, { busy: 0, connecting: 0, idle: 0, waiting: 0, origins: 0 })
  })

  it("when what is idle is to be closed, and no other", () => {
    const pool = new Story().idle("x", 2).idle("y", 1)
    pool.ask("A")
    same(pool.does((state) => state.closeIdle("Closed")), "close 1 (Closed)", "close 3 (Closed)")
    assert.deepStrictEqual(pool.counts, { busy: 1, connecting: 0, idle: 0, waiting: 0, origins: 1 })
  })
})

describe("the end", () => {
  it("keeps nothing, and serves those who wait", () => {
    const pool = new Story({ connectionsPerOrigin: 2 }).idle("y", 1)
    pool.ask("A")
    pool.opened(2)
    pool.ask("BC")
    same(pool.does((state) => state.shutdown()), "close 1 (Shutdown)")
    same(pool.back(2), "give 2 to B", "C has 3 opened")
    same(pool.back(2), "give 2 to C", "give up 3")
    same(pool.back(2), "close 2 (Shutdown)")
    assert.deepStrictEqual(pool.counts, { busy: 0, connecting: 0, idle: 0, waiting: 0, origins: 0 })
  })

  it("gives up what is being opened for nobody", () => {
    const pool = new Story()
    pool.ask("A")
    pool.opened(1)
    pool.ask("B")
    pool.back(1)
    same(pool.does((state) => state.shutdown()), "give up 2")
  })

  it("refuses whoever waits, and closes everything, when it comes at once", () => {
    const pool = new Story({ connectionsPerOrigin: 2 }).idle("y", 1)
    pool.ask("A")
    pool.opened(2)
    pool.ask("BC")
    same(
      pool.does((state) => state.destroy()),
      "refuse B",
      "refuse C",
      "close 1 (Shutdown)",
      "close 2 (Shutdown)",
      "give up 3"
    )
    assert.deepStrictEqual(pool.counts, { busy: 0, connecting: 0, idle: 0, waiting: 0, origins: 0 })
  })

  it("refuses whoever comes back to wait once more", () => {
    const pool = new Story({ connectionsPerOrigin: 1 })
    pool.ask("AB")
    pool.opened(1)
    pool.back(1)
    pool.does((state) => state.destroy())
    same(pool.ask("b", { again: "B" }), "refuse b")
    same(pool.cancel("b"))
    assert.deepStrictEqual(pool.counts, { busy: 0, connecting: 0, idle: 0, waiting: 0, origins: 0 })
  })
})

describe("an origin", () => {
  it("is forgotten with its last connection, and its last request", () => {
    const pool = new Story({ connections: 1 }).idle("x", 1)
    assert.deepStrictEqual(pool.counts, { busy: 0, connecting: 0, idle: 1, waiting: 0, origins: 1 })
    pool.ask("A", { origin: "y" })
    pool.ask("B", { origin: "z" })
    assert.deepStrictEqual(pool.counts, { busy: 0, connecting: 1, idle: 0, waiting: 2, origins: 2 })
    pool.cancel("B")
    pool.opened(2)
    assert.deepStrictEqual(pool.counts, { busy: 1, connecting: 0, idle: 0, waiting: 0, origins: 1 })
    pool.gone(2)
    assert.deepStrictEqual(pool.counts, { busy: 0, connecting: 0, idle: 0, waiting: 0, origins: 0 })
  })

  it("is not remembered for a request that is one too many", () => {
    const pool = new Story({ connections: 1, waiters: 0 })
    pool.ask("A")
    same(pool.ask("B", { origin: "y" }), "B is one too many")
    assert.deepStrictEqual([...pool.state.groups.keys()], ["x"])
  })
})

describe("the cost of a request", () => {
  interface AnyNode extends Linked<AnyNode> {}

  /** How many values of lists are looked at while this runs. */
  const looks = (run: () => void): number => {
    let count = 0
    const prototype: List<AnyNode> = List.prototype
    const { [Symbol.iterator]: iterate, find, insertBefore } = prototype
    const counted = (matches: (node: AnyNode) => boolean) => (node: AnyNode): boolean => {
      count++
      return matches(node)
    }
    prototype[Symbol.iterator] = function*() {
      for (const value of iterate.call(this)) {
        count++
        yield value
      }
    }
    prototype.insertBefore = function(node, isLater) {
      insertBefore.call(this, node, counted(isLater))
    }
    prototype.find = function(from, matches) {
      return find.call(this, from, counted(matches))
    }
    try {
      run()
    } finally {
      Object.assign(prototype, { [Symbol.iterator]: iterate, find, insertBefore })
    }
    return count
  }

  /** So many requests come at once, and are served by ten connections. */
  const serve = (requests: number, origin: (i: number) => string, fresh: (i: number) => boolean): void => {
    const state = stateOf({ ...generous, waiters: Infinity }, () => 0)
    const openings: Array<Connection> = []
    const given: Array<Connection> = []
    let served = 0
    const carryOut = () => {
      for (const command of state.commands.splice(0)) {
        if (command._tag === "Open") openings.push(command.slot)
        if (command._tag === "Give") served = given.push(command.slot)
      }
    }
    for (let i = 0; i < requests; i++) {
      state.enqueue(new Request(`${i}`, fresh(i)), origin(i), () => origin(i), 0)
      carryOut()
    }
    for (let i = 0; i < served || openings.length > 0; i++) {
      const opening = openings.shift()
      if (opening?.status === "connecting") state.connected(opening, 0, Infinity)
      carryOut()
      const slot = given[i]
      if (slot !== undefined) state.release(slot, 0, undefined)
      carryOut()
    }
    assert.strictEqual(served, requests)
  }

  it.each<[what: string, origin: (i: number) => string, fresh: (i: number) => boolean]>([
    ["of one origin", () => "x", () => false],
    ["of one origin that all want a connection that has served nobody", () => "x", () => true],
    ["of one origin of which half want such a connection", () => "x", (i) => i % 2 === 0],
    ["of a hundred origins", (i) => `x${i % 100}`, () => false],
    ["of an origin each", (i) => `x${i}`, () => false]
  ])("is a few looks, however many wait: 10,000 requests %s", (_, origin, fresh) => {
    const requests = 10_000
    // Whoever looks for the next in line may pass by those for whom one of the ten connections is being opened.
    assert.isBelow(looks(() => serve(requests, origin, fresh)), 50 * requests)
  })

  const unlimited: Limits = {
    ...generous,
    connections: Infinity,
    connectionsPerOrigin: Infinity,
    idle: Infinity,
    idlePerOrigin: Infinity,
    waiters: Infinity
  }

  it("is a few looks where a connection is opened for each, in whatever order they are open", () => {
    const requests = 4000
    const state = stateOf(unlimited, () => 0)
    const count = looks(() => {
      for (let i = 0; i < requests; i++) state.enqueue(new Request(`${i}`, false), "x", () => "x", 0)
      const openings = state.commands.splice(0).flatMap((command) => command._tag === "Open" ? [command.slot] : [])
      for (const opening of openings.toReversed()) state.connected(opening, 0, Infinity)
    })
    assert.strictEqual(state.waiting, 0)
    assert.isBelow(count, 10 * requests)
  })

  it("is a few looks where the first of each of many origins gives up", () => {
    const origins = 4000
    const state = stateOf({ ...generous, waiters: Infinity }, () => 0)
    const firsts: Array<Request> = []
    const count = looks(() => {
      for (let i = 0; i < origins; i++) {
        const pair = [new Request(`${i} first`, false), new Request(`${i} second`, false)] as const
        for (const request of pair) state.enqueue(request, `x${i}`, () => `x${i}`, 0)
        firsts.push(pair[0])
      }
      for (const request of firsts) state.cancel(request, 0)
    })
    assert.isBelow(count, 10 * origins)
  })
})
