/**
 * The required decisions of a pool: derived from its rules by counting in plain lists, not from the
 * way in which `policy.ts` does it. The model knows what events and commands say of connections and
 * requests. `step` lets one event happen and checks the decisions against the rules: each command
 * by itself, and afterwards all open connections and queued requests. It throws at the first fault.
 * `poolDriver.ts` has the events, and executes the commands.
 */
import type { CloseReason } from "../../src/ConnectionEvent.ts"
import { PoolState } from "../../src/internal/pool/policy.ts"
import * as slots from "../../src/internal/pool/slots.ts"

export type Command = slots.Command<Slot, Req>

/** What the pool keeps of a connection. */
export class Slot extends slots.Slot<string, Slot, Req> {
  /** Set when the command to open it is carried out. */
  connection: Conn | undefined

  override get isOutdated(): boolean {
    return this.connection?.outdated ?? false
  }
}

export interface Conn {
  readonly slot: Slot
  readonly origin: string
  /** `free` only while it is decided what becomes of it. */
  phase: "opening" | "greeting" | "free" | "held" | "idle" | "closed"
  /** Whether it was opened for a reserve, and when the request of that was answered on it. */
  readonly reserved: boolean
  greetedAt: number
  /** Whether one with other options was opened since. */
  outdated: boolean
  /** For whom it is being opened. */
  owner: Req | undefined
  served: number
  left: number
  expiresAt: number
  keptUntil: number
  /** The order in which connections came to be idle. */
  idleSince: number
  /** When the response on it may be taken that nobody has begun to read, and the order in which such responses came. */
  unreadFrom: number | undefined
  /** Until when it may be kept idle where too few are idle otherwise. */
  neededUntil: number
  /** Why it is closed as soon as it is free. */
  retired: CloseReason | undefined
  /** How many openings had failed in the outage in which it was begun. */
  failuresBefore: number
  unreadSince: number
}

/** A request: what the pool keeps of it, and what the model knows of it. */
export class Req extends slots.Waiter<string, Slot, Req> {
  readonly origin: string
  /** Whether it wants a connection that has served nobody. */
  readonly fresh: boolean
  /** The order in which requests came. */
  readonly number: number
  phase: "new" | "waiting" | "given" | "using" | "ended" = "new"
  /** The connection that is being opened for it, and the one that it was given. */
  opening: Conn | undefined
  held: Conn | undefined
  /** Whether the time that it may wait for the pool runs. */
  limited = false

  constructor(origin: string, fresh: boolean, number: number) {
    super()
    this.origin = origin
    this.fresh = fresh
    this.number = number
    this.requireNew = fresh
  }
}

/** No connection can be opened to an origin for the moment. */
interface Outage {
  readonly since: number
  failures: number
  failedAt: number
  until: number
  pausing: boolean
}

/** So many connections of an origin are to be idle at all times; pauses after failures. */
interface Reserve {
  readonly minIdle: number
  /** Whether a request is sent on each first. */
  readonly greets: boolean
  failures: number
  until: number
  /** When the last one that served nobody and is closed was greeted; `Infinity` if it was not. */
  wasted: number
}

/** What has to become of a connection that nobody uses. */
type Fate =
  | { readonly _tag: "Give"; readonly req: Req }
  | { readonly _tag: "Close"; readonly reason: CloseReason; readonly rival?: Req }
  | { readonly _tag: "Keep" }

const statusOf = {
  opening: "connecting",
  greeting: "greeting",
  free: "",
  held: "busy",
  idle: "idle",
  closed: "gone"
} as const

export class Model {
  readonly limits: slots.Limits
  readonly state: PoolState<string, Slot, Req>
  now = 1000
  /** Those that are not closed. */
  readonly conns: Array<Conn> = []
  /** Those that wait, in the order in which they came. */
  readonly waiting: Array<Req> = []
  closing = false
  destroyed = false
  /** Of the origins that have connections or requests, and what is remembered of all. */
  readonly outages = new Map<string, Outage>()
  readonly #remembered = new Map<string, Outage>()
  readonly reserves = new Map<string, Reserve>()
  readonly #bySlot = new Map<Slot, Conn>()
  /** Slots that were made, and whose command to open them is still to come. */
  readonly #made = new Set<Slot>()
  #idleOrder = 0
  /** Whether a request ever came back to its place in the queue: those behind it may have openings then, while it has none. */
  #cameBack = false
  /** Of the event that happens: its name, what came free in it, and the opening that its request does not want any longer. */
  #event = ""
  #offered: Conn | undefined
  #fate: Fate | undefined
  #unwanted: Conn | undefined

  constructor(limits: slots.Limits, reserves: ReadonlyMap<string, number> = new Map(), greets = false) {
    this.limits = limits
    this.state = new PoolState(limits, () => 0, (group, req) => this.#make(group, req))
    for (const [origin, minIdle] of reserves) {
      this.reserves.set(origin, { minIdle, greets, failures: 0, until: -Infinity, wasted: -Infinity })
      this.state.reserve(origin, origin, minIdle, greets)
    }
  }

  must(right: boolean, wrong: string): void {
    if (!right) throw new Error(`${this.#event}: ${wrong}`)
  }

  #same(actual: unknown, expected: unknown, what: string): void {
    if (actual !== expected) throw new Error(`${this.#event}: ${what} is ${String(actual)}, not ${String(expected)}`)
  }

  #sameList<A>(actual: Iterable<A>, expected: ReadonlyArray<A>, what: string): void {
    let i = 0
    for (const value of actual) this.must(value === expected[i++], `another in ${what}`)
    this.#same(i, expected.length, `the number of ${what}`)
  }

  // --- the rules

  #of(list: ReadonlyArray<Conn>, origin: string | undefined): ReadonlyArray<Conn> {
    return origin === undefined ? list : list.filter((conn) => conn.origin === origin)
  }

  open(origin?: string): number {
    return this.#of(this.conns, origin).length
  }

  /** Oldest first. */
  idle(origin?: string): ReadonlyArray<Conn> {
    return this.#of(this.conns, origin).filter(({ phase }) => phase === "idle" || phase === "free")
      .sort((a, b) => a.idleSince - b.idleSince)
  }

  /** The idle connections of an origin, the one that is to be used next in front. */
  inOrderOfUse(origin: string): ReadonlyArray<Conn> {
    const idle = this.idle(origin)
    switch (this.limits.selection) {
      case "newest":
        return idle.toReversed()
      case "oldest":
        return idle
      case "leastUsed":
        return idle.toSorted((a, b) => a.served - b.served)
    }
  }

  /** Whether one that nobody uses is too old while so many others are idle. Where it is needed it may be older. */
  isOver(conn: Conn, others: number): boolean {
    if (conn.keptUntil > this.now) return false
    if (!this.#isNeeded(conn, others)) return true
    conn.keptUntil = conn.neededUntil
    return false
  }

  #isNeeded(conn: Conn, others: number): boolean {
    return this.isKept(conn) && others < (this.reserves.get(conn.origin)?.minIdle ?? 0)
  }

  /** Whether a reserve may have it for longer than the idle time: it is good then, if somebody wants it. */
  isKept({ neededUntil, origin }: Conn): boolean {
    return !this.closing && this.reserves.has(origin) && neededUntil > this.now
  }

  /** The oldest idle one that no reserve needs, else the oldest. */
  #spare(): Conn | undefined {
    const all = this.idle()
    if (this.closing) return all[0]
    return all.find(({ origin }) => this.idle(origin).length > (this.reserves.get(origin)?.minIdle ?? 0)) ?? all[0]
  }

  // --- reserves

  /** A connection of an origin could not be opened, or was of no use. */
  reserveFailed(reserve: Reserve | undefined): void {
    if (reserve === undefined || reserve.until > this.now) return
    const before = this.now - reserve.until > 20_000 ? 0 : reserve.failures
    reserve.failures = before + 1
    reserve.until = this.now + Math.ceil(Math.min(10_000, Math.max(10, this.limits.backoffMillis / 16) * 2 ** before))
  }

  /** When a connection may be opened for a reserve, if one is to be. */
  lacksFrom(origin: string): number | undefined {
    const reserve = this.reserves.get(origin)
    if (reserve === undefined || this.closing) return undefined
    const kept = this.idle(origin).length + this.#orphans(origin).length + this.greeting(origin).length
    const room = this.open() < this.limits.connections && this.open(origin) < this.limits.connectionsPerOrigin
    const outage = this.outages.get(origin)
    const isOpening = this.#of(this.conns, origin).some(({ phase }) => phase === "opening" || phase === "greeting")
    const others = this.queued().some((req) => req.origin === origin)
    if (kept >= reserve.minIdle || !room || others) return undefined
    if (isOpening && (outage !== undefined || reserve.failures > 0)) return undefined
    return Math.max(reserve.until, outage?.pausing ? outage.until : -Infinity)
  }

  /** Those whose response nobody has begun to read, the one that may be taken first in front. */
  unread(): ReadonlyArray<Conn> {
    return this.conns.filter(({ unreadFrom }) => unreadFrom !== undefined)
      .sort((a, b) => (a.unreadFrom ?? 0) - (b.unreadFrom ?? 0) || a.unreadSince - b.unreadSince)
  }

  /** Those of them whose place somebody would have who waits in vain. */
  blocking(): ReadonlyArray<Conn> {
    const full = this.open() === this.limits.connections
    return this.unread().filter((conn) =>
      this.queued().some(({ origin }) => (full || origin === conn.origin) && this.#hasRoom(origin, conn))
    )
  }

  /** Openings that nobody waits for. */
  #orphans(origin?: string): ReadonlyArray<Conn> {
    return this.#of(this.conns, origin).filter(({ owner, phase }) => phase === "opening" && owner === undefined)
  }

  /** Those on which the request of a reserve is under way. */
  greeting(origin?: string): ReadonlyArray<Conn> {
    return this.#of(this.conns, origin).filter(({ phase }) => phase === "greeting")
  }

  /** Whether nothing was sent on it. */
  #isNew({ greetedAt, served }: Conn): boolean {
    return served === 0 && greetedAt === Infinity
  }

  /** Those for whom nothing is being opened. */
  queued(): ReadonlyArray<Req> {
    return this.waiting.filter((req) => req.opening === undefined)
  }

  /** Whether the limit of the origin allows one more, in place of what is idle, nobody's, or leaves. */
  #hasRoom(origin: string, leaving?: Conn): boolean {
    const outage = this.outages.get(origin)
    const isOpening = this.#of(this.conns, origin).some(({ phase }) => phase === "opening")
    if (outage !== undefined && this.#orphans(origin).length === 0 && (outage.pausing || isOpening)) return false
    const taken = this.#of(this.conns, origin).filter((conn) =>
      conn !== leaving && conn.phase !== "idle" && conn.phase !== "greeting"
      && (conn.phase !== "opening" || conn.owner !== undefined)
    )
    return taken.length < this.limits.connectionsPerOrigin
  }

  /** Whether a request to the origin that finds no connection has one opened, or gets an opening. */
  hasPlace(origin: string): boolean {
    const places = this.limits.connections - this.open() + this.idle().length + this.#orphans().length
      + this.greeting().length
    return places > 0 && this.#hasRoom(origin)
  }

  #fateOf(conn: Conn, isNew: boolean): Fate {
    if (!isNew) {
      if (conn.retired !== undefined) return { _tag: "Close", reason: conn.retired }
      if (conn.expiresAt <= this.now) return { _tag: "Close", reason: "Lifetime" }
      if (conn.keptUntil < this.now && this.isOver(conn, this.idle(conn.origin).length - 1)) {
        return { _tag: "Close", reason: "IdleTime" }
      }
      if (conn.left <= 0) return { _tag: "Close", reason: "Requests" }
      if (conn.outdated) return { _tag: "Close", reason: "Rotated" }
    }
    const full = this.open() === this.limits.connections
    const req = this.waiting.find(({ fresh, origin }) => origin === conn.origin && (!fresh || this.#isNew(conn)))
    const rival = this.queued().find((other) =>
      other !== req && (full || other.origin === conn.origin) && this.#hasRoom(other.origin, conn)
    )
    // One that served nobody goes to whoever can use it: closed for another, it would have been opened in vain.
    if (req !== undefined && (this.#isNew(conn) || rival === undefined || req.number < rival.number)) {
      return { _tag: "Give", req }
    }
    if (rival !== undefined) return { _tag: "Close", reason: "Room", rival }
    const reason = this.closing ? "Shutdown" : conn.outdated ? "Rotated" : conn.retired
    return reason === undefined ? { _tag: "Keep" } : { _tag: "Close", reason }
  }

  // --- outages

  #isOld({ failedAt, until }: Outage): boolean {
    return this.now - failedAt > Math.max(until - failedAt, this.limits.retryMillis)
  }

  #recall(origin: string): Outage | undefined {
    const outage = this.#remembered.get(origin)
    return outage === undefined || this.#isOld(outage) ? undefined : outage
  }

  #set(origin: string, outage: Outage | undefined): void {
    if (outage === undefined) this.outages.delete(origin)
    else this.outages.set(origin, outage)
  }

  /** A request comes: what is remembered of its origin counts, unless there are others. */
  recallOutage(origin: string): void {
    const isNew = this.open(origin) === 0 && this.waiting.every((req) => req.origin !== origin)
    if (!isNew) return
    this.#set(origin, this.#recall(origin))
    this.endPause(origin)
  }

  endPause(origin: string): void {
    const outage = this.outages.get(origin)
    if (outage !== undefined && outage.until <= this.now) outage.pausing = false
  }

  /** An opening failed in a way that may be over in a moment. Whether there is an outage now. */
  beginOutage(origin: string, failuresBefore: number): Outage | undefined {
    const { backoffMillis } = this.limits
    if (backoffMillis === 0) return undefined
    const outage = this.#recall(origin)
      ?? { since: this.now, failures: 0, failedAt: this.now, until: this.now, pausing: false }
    this.#set(origin, outage)
    if (failuresBefore < outage.failures) return outage
    this.#remembered.set(origin, outage)
    const longest = this.isLong(outage) ? Infinity : this.limits.retryMillis / 4
    outage.until = this.now + Math.ceil(Math.min(backoffMillis, backoffMillis / 16 * 2 ** outage.failures, longest))
    outage.failures++
    outage.failedAt = this.now
    outage.pausing = true
    return outage
  }

  endOutage(origin: string): void {
    if (this.#remembered.get(origin) === this.outages.get(origin)) this.#remembered.delete(origin)
    this.outages.delete(origin)
  }

  isLong({ since }: Outage): boolean {
    return this.now - since >= this.limits.retryMillis
  }

  /** Whether a request that comes now has the failure of those before it. */
  sharesFailure(origin: string): boolean {
    const outage = this.outages.get(origin)
    return !this.destroyed && this.open(origin) === 0 && outage?.pausing === true && outage.until > this.now
      && this.isLong(outage)
  }

  // --- what the driver says

  /** A request comes to wait, or comes back to where it was in the queue. */
  enter(req: Req): void {
    this.#cameBack ||= req.phase !== "new"
    req.phase = "waiting"
    req.limited = true
    const behind = this.waiting.findIndex((other) => other.number > req.number)
    this.waiting.splice(behind === -1 ? this.waiting.length : behind, 0, req)
  }

  /** A request waits no longer. */
  leave(req: Req, phase: "given" | "ended"): void {
    this.must(req.phase === "waiting", "a request ends twice")
    req.phase = phase
    this.waiting.splice(this.waiting.indexOf(req), 1)
    this.disown(req)
  }

  /** Leaves the opening of a request to others. */
  disown(req: Req): Conn | undefined {
    const { opening } = req
    if (opening !== undefined) opening.owner = undefined
    req.opening = undefined
    return opening
  }

  /** A request does not want its opening: whoever wants it has it, or it is given up. */
  unwant(req: Req): Conn | undefined {
    return this.#unwanted = this.disown(req)
  }

  /** A connection is a request's from now on. */
  lend(conn: Conn, req: Req): void {
    this.must(conn.phase === "free" || conn.phase === "idle", "what is given is not free")
    this.#same(conn.origin, req.origin, "the origin of what is given")
    this.must(!req.fresh || this.#isNew(conn), "a used connection is given to who wants a new one")
    this.must(conn.left > 0, "given too often")
    this.must(conn.served === 0 || conn.expiresAt > this.now, "given after its lifetime")
    this.must(conn.keptUntil >= this.now || this.isKept(conn), "given after its idle time")
    conn.phase = "held"
    conn.served++
    conn.left--
    req.held = conn
  }

  /** A connection that is closed has served nobody: its reserve does not open the next one at once. */
  waste(conn: Conn): void {
    const reserve = this.reserves.get(conn.origin)
    if (reserve !== undefined && conn.served === 0) reserve.wasted = Math.max(reserve.wasted, conn.greetedAt)
  }

  /** A connection or an opening is no more. */
  end(conn: Conn, reason?: CloseReason): void {
    this.must(conn.phase !== "closed", "closed twice")
    const isOfAge = reason === "Lifetime" || reason === "IdleTime"
    // One that was greeted may be closed for its age: whether it was open for long is seen later.
    if (conn.greetedAt !== Infinity || (conn.phase === "idle" && !isOfAge)) this.waste(conn)
    if (conn.phase === "greeting" && reason !== "Room") this.waste(conn)
    conn.phase = "closed"
    conn.unreadFrom = undefined
    this.conns.splice(this.conns.indexOf(conn), 1)
  }

  conn(slot: Slot | undefined): Conn {
    const conn = slot && this.#bySlot.get(slot)
    if (conn === undefined) throw new Error(`${this.#event}: nobody has opened it`)
    return conn
  }

  /** Lets a connection come free in an event. One that was opened in it goes to somebody once, however short its lifetime is. */
  offer(event: string, conn: Conn, isNew: boolean, run: () => void): void {
    // An assignment would let the compiler think that it stays free.
    Object.assign<Conn, Partial<Conn>>(conn, { phase: "free", idleSince: ++this.#idleOrder, unreadFrom: undefined })
    const fate = this.#fateOf(conn, isNew)
    // The others may be those of reserves.
    const isSpare = this.idle().length > this.limits.idle && this.#spare() === conn
    this.#offered = conn
    this.#fate = fate
    this.step(event, run)
    this.#offered = undefined
    this.#fate = undefined
    if (fate._tag === "Give") this.must(fate.req.held === conn, "it does not go to the first who can use it")
    if (fate._tag === "Close") this.must(conn.phase === "closed", `it is not closed (${fate.reason})`)
    if (fate._tag === "Close" && fate.rival) this.must(fate.rival.opening !== undefined, "its place goes to another")
    const { idle, idlePerOrigin } = this.limits
    if (fate._tag === "Keep" && isNew && conn.reserved && this.reserves.get(conn.origin)?.greets) {
      this.must(conn.phase === "greeting", "it is not greeted")
    } else if (fate._tag === "Keep") {
      this.must(conn.phase === "idle" || isSpare || idle * idlePerOrigin === 0, "it is not kept")
    }
  }

  /** Lets an event happen. */
  step<A>(event: string, run: () => A): A {
    const { length } = this.state.commands
    this.#event = event
    const result = run()
    const commands = this.state.commands.slice(length)
    for (const command of commands) this.#decided(command)
    for (const conn of this.conns) if (conn.phase === "free") conn.phase = "idle"
    this.must(this.#made.size === 0, "a slot is made for nothing")
    this.#unwanted = undefined
    this.#checkLimits()
    this.#checkQueue(commands)
    this.#checkCounts()
    return result
  }

  // --- what a command may be

  #decided(command: Command): void {
    if (command.waiter !== undefined) {
      this.must(command.waiter.phase === "waiting", "decided for one who does not wait")
    }
    switch (command._tag) {
      case "Open":
        this.#opens(command.slot, command.waiter.origin)
        return this.#owns(command.waiter, this.conn(command.slot))
      case "Warm": {
        const origin = command.slot.group.key
        this.must(this.#event === "fill", "a reserve is filled in between")
        this.must((this.lacksFrom(origin) ?? Infinity) <= this.now, "opened for a reserve without need")
        this.endPause(origin)
        return this.#opens(command.slot, origin, true)
      }
      case "Greet": {
        const conn = this.conn(command.slot)
        this.must(conn === this.#offered && this.#event === "connected", "greeted, although it was not just opened")
        this.must(conn.reserved && this.reserves.get(conn.origin)?.greets === true, "greeted without a request")
        this.must(this.#fate?._tag === "Keep", "greeted, although it is not to be kept")
        conn.phase = "greeting"
        return
      }
      case "Give": {
        const { slot, waiter } = command
        this.#same(waiter.granted, slot, "granted")
        this.must(this.conn(slot) === this.#offered, "what is given did not come free")
        this.must(this.#fate?._tag === "Give" && this.#fate.req === waiter, "given to another than the first")
        this.leave(waiter, "given")
        return this.lend(this.conn(slot), waiter)
      }
      case "Adopt": {
        const { slot, waiter } = command
        const conn = this.conn(slot)
        this.must(conn.phase === "opening" && conn.owner === undefined, "the opening is another's")
        this.#same(conn.origin, waiter.origin, "the origin of the opening")
        return this.#owns(waiter, conn)
      }
      case "Orphan": {
        const { waiter } = command
        this.must(!waiter.limited && waiter.opening === undefined, "it has not lost its opening")
        waiter.limited = true
        return
      }
      case "Postpone": {
        const { waiter } = command
        this.must(!waiter.limited && waiter.opening === undefined, "its opening has not failed")
        waiter.limited = true
        // Those who came later may have openings still that were begun with its own.
        this.#cameBack = true
        return
      }
      case "Fail":
        this.must(this.sharesFailure(command.waiter.origin), "it has the failure of an opening without need")
        return this.leave(command.waiter, "ended")
      case "Refuse":
        this.must(this.destroyed, "refused before the end")
        return this.leave(command.waiter, "ended")
      case "Close": {
        const conn = this.conn(command.slot)
        this.must(this.#mayClose(conn, command.reason), `closed without need (${command.reason})`)
        if (command.reason === "IdleLimit") this.waste(conn)
        return this.end(conn, command.reason)
      }
      case "Reclaim": {
        const conn = this.conn(command.slot)
        this.must(
          conn === this.blocking()[0],
          "taken from another response than the oldest that keeps somebody waiting"
        )
        this.must((conn.unreadFrom ?? Infinity) <= this.now, "taken from a response too soon")
        return this.end(conn)
      }
      case "Abort": {
        const conn = this.conn(command.slot)
        this.must(conn.phase === "opening" && conn.owner === undefined, "an opening is given up that somebody wants")
        const wanted = !this.destroyed && this.queued().some(({ origin }) => origin === conn.origin)
        this.must(!wanted, "an opening is given up that another could have")
        const needed = this.open() === this.limits.connections && this.idle().length === 0
        this.must(this.closing || conn === this.#unwanted || needed, "an opening is given up without need")
        return this.end(conn)
      }
    }
  }

  #owns(req: Req, conn: Conn): void {
    this.must(req.opening === undefined, "it has an opening already")
    req.opening = conn
    req.limited = false
    conn.owner = req
  }

  #make(group: slots.Group<string, Slot, Req>, req: Req | undefined): Slot {
    if (req !== undefined) this.#same(req.group, group, "the group of a request")
    const slot = new Slot(group, req)
    this.#made.add(slot)
    return slot
  }

  #opens(slot: Slot, origin: string, reserved = false): void {
    this.must(!this.destroyed, "opened after the end")
    this.must(this.#made.delete(slot), "opened, although it was not made for this")
    this.must(!this.#bySlot.has(slot), "opened twice")
    const isWanted = this.queued().some((req) => req.origin === origin)
    this.must(!isWanted || this.#orphans(origin).length === 0, "opened, although an opening is nobody's")
    const { requestsPerConnection: left } = this.limits
    const times = { expiresAt: Infinity, keptUntil: Infinity, idleSince: 0, unreadFrom: undefined, unreadSince: 0 }
    const failuresBefore = this.outages.get(origin)?.failures ?? 0
    const conn: Conn = {
      slot,
      failuresBefore,
      neededUntil: Infinity,
      reserved,
      greetedAt: Infinity,
      outdated: false,
      retired: undefined,
      origin,
      phase: "opening",
      owner: undefined,
      served: 0,
      left,
      ...times
    }
    this.#bySlot.set(slot, conn)
    this.conns.push(conn)
    this.#checkOpen(origin)
  }

  #mayClose(conn: Conn, reason: CloseReason): boolean {
    if (conn === this.#offered && this.#fate?._tag === "Close" && this.#fate.reason === reason) return true
    if (reason === "Shutdown") {
      return this.closing && (conn.phase === "idle" || conn.phase === "greeting" || this.destroyed)
    }
    if (conn.phase === "greeting") return reason === "Room" && this.#isInTheWay(conn)
    if (this.#event === "rotated") return conn.phase === "idle" && conn.outdated && reason === "Rotated"
    if (this.#event === "retire") return conn.phase === "idle" && conn.retired === reason
    if (conn.phase !== "idle" && conn !== this.#offered) return false
    const { connections, connectionsPerOrigin, idle, idlePerOrigin } = this.limits
    const [all, own] = [this.idle(), this.idle(conn.origin)]
    switch (reason) {
      case "Lifetime":
      case "IdleTime":
        return conn.keptUntil <= this.now && (conn.expiresAt <= this.now) === (reason === "Lifetime")
          && !this.#isNeeded(conn, own.length - 1)
      case "IdleLimit":
        return own.length > idlePerOrigin ? own[0] === conn : all.length > idle && this.#spare() === conn
      case "Room":
        return (this.#spare() === conn && this.open() === connections)
          || (own[0] === conn && this.open(conn.origin) === connectionsPerOrigin)
      default:
        return reason === "Closed" && this.#event === "closeIdle"
    }
  }

  /** Whether one that is being greeted has to go, because nothing else can. */
  #isInTheWay({ origin }: Conn): boolean {
    const { connections, connectionsPerOrigin } = this.limits
    return (this.open(origin) === connectionsPerOrigin && this.idle(origin).length === 0)
      || (this.open() === connections && this.idle().length + this.#orphans().length === 0)
  }

  // --- what holds after every event

  #checkOpen(origin: string): void {
    this.must(this.open() <= this.limits.connections, "more connections than the limit")
    this.must(this.open(origin) <= this.limits.connectionsPerOrigin, "more connections to an origin than its limit")
  }

  #checkLimits(): void {
    const { idle, idlePerOrigin } = this.limits
    this.must(this.idle().length <= idle, "more idle connections than the limit")
    for (const { origin } of this.conns) {
      this.#checkOpen(origin)
      this.must(this.idle(origin).length <= idlePerOrigin, "more idle connections to an origin than its limit")
    }
    const kept = this.idle().length + this.#orphans().length + this.greeting().length
    if (this.closing) this.must(kept === 0, "kept after the end")
  }

  /** Nobody waits in vain, and whoever came first is served first. */
  #checkQueue(commands: ReadonlyArray<Command>): void {
    const queued = this.queued()
    const origins = new Set(queued.map((req) => req.origin))
    for (const origin of origins) this.must(!this.hasPlace(origin), "one waits, although there is a place")
    for (const req of this.waiting) {
      this.must(req.fresh || this.idle(req.origin).length === 0, "one waits, although a connection is idle")
      this.#same(req.limited, req.opening === undefined, "whether the time that it may wait runs")
      // The openings of an origin are those of its first.
      const overtaken = queued.some((other) => other.origin === req.origin && other.number < req.number)
      this.must(this.#cameBack || req.opening === undefined || !overtaken, "an opening is of one who came later")
    }
    for (const command of commands) {
      if (command._tag !== "Open" && command._tag !== "Adopt") continue
      const { number, origin } = command.waiter
      for (const other of queued) {
        if (other.number > number) continue
        this.must(other.origin !== origin, "an opening goes to one who came later")
        this.must(command._tag === "Adopt" || !this.#hasRoom(other.origin), "a place goes to one who came later")
      }
    }
  }

  /** The counts, lists and records are those of the connections and requests. */
  #checkCounts(): void {
    const { state, state: { groups } } = this
    const count = (phase: Conn["phase"], origin?: string): number =>
      this.#of(this.conns, origin).filter((conn) => conn.phase === phase).length
    const slotsOf = (conns: ReadonlyArray<Conn>): ReadonlyArray<Slot> => conns.map((conn) => conn.slot)
    this.#sameList(state.slots, slotsOf(this.conns), "connections")
    this.#sameList(state.idle, slotsOf(this.idle()), "idle connections")
    this.#same(state.idle.size, this.idle().length, "the size of the idle")
    const unread = [...state.unreadSlots].filter((slot) => this.conn(slot).unreadFrom !== undefined)
    this.#sameList(unread, slotsOf(this.unread()), "unread responses")
    for (const slot of state.unreadSlots) this.#same(this.conn(slot).phase, "held", "the phase of an unread response's")
    this.#same(state.open, this.conns.length, "open")
    this.#same(state.busy, count("held"), "busy")
    this.#same(state.connecting, count("opening"), "connecting")
    this.#same(state.greeting.size, count("greeting"), "greeting")
    this.#same(state.waiting, this.waiting.length, "waiting")
    this.#same(state.queued, this.queued().length, "queued")
    const keys = new Set([...this.conns, ...this.waiting].map(({ origin }) => origin))
    this.#same(groups.size, keys.size, "the number of origins")
    for (const key of keys) {
      const group = groups.get(key)
      if (group === undefined) throw new Error(`${this.#event}: an origin was forgotten`)
      const waiting = this.waiting.filter((req) => req.origin === key)
      const queued = waiting.filter((req) => req.opening === undefined)
      this.#same(group.next, this.#hasRoom(key) ? queued[0] : undefined, "the next of the origin")
      this.#same(group.firstQueued, queued[0], "the first without an opening")
      this.#same(group.queued, queued.length, "the number of those without an opening")
      this.#same(group.open, this.open(key), "open to the origin")
      this.#same(group.busy, count("held", key), "busy of the origin")
      this.#same(group.connecting, count("opening", key), "connecting to the origin")
      this.#same(group.greeting, count("greeting", key), "greeting of the origin")
      this.#sameList(
        [...group.idle].map(({ value }) => value),
        slotsOf(this.idle(key)),
        "idle connections of the origin"
      )
      this.#same(group.idle.size, this.idle(key).length, "the size of the idle of the origin")
      this.#sameList(group.waiting, waiting, "waiting for the origin")
      this.#same(group.waiting.size, waiting.length, "the size of the waiting for the origin")
      this.#same(group.newWaiting, waiting.filter((req) => req.fresh).length, "waiting for a new one of the origin")
    }
    for (const conn of this.conns) {
      const { left, origin, owner, phase, served, slot } = conn
      this.#same(slot.status, statusOf[phase], "the status")
      this.#same(slot.group, groups.get(origin), "the group of a connection")
      this.#same(slot.owner, owner, "the owner")
      this.#same(slot.served, served, "served")
      this.#same(slot.left, left, "left")
      this.#same(
        slot.group.reserve?.greetedAt.get(slot) ?? Infinity,
        conn.greetedAt,
        "when it was greeted"
      )
      if (phase !== "idle") continue
      // One that is needed is kept for longer, as soon as somebody looks.
      if (slot.idleUntil > conn.keptUntil) this.isOver(conn, this.idle(origin).length - 1)
      this.#same(slot.idleUntil, conn.keptUntil, "kept until")
    }
    for (const { attempt, granted, group, opening, origin, waiting } of this.waiting) {
      this.#same(group, groups.get(origin), "the group of a request")
      this.#same(attempt, opening?.slot, "its opening")
      this.#same(waiting, true, "waiting")
      this.#same(granted, undefined, "granted")
    }
  }
}
