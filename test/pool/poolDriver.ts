/**
 * Drives the decisions of a pool with a list of actions, against the model of `poolModel.ts`, and
 * executes the commands as `pool.ts` does. Decisions that a command causes are made at once, and
 * executed after it. An action without an object does nothing, so that any list of actions is
 * valid.
 */
import type { Hint, Limits } from "../../src/internal/pool/slots.ts"
import type { Command, Conn } from "./poolModel.ts"
import { Model, Req } from "./poolModel.ts"

/** `pick` chooses among those that there are. */
export type Action =
  | { readonly _tag: "checkout"; readonly origin: number; readonly fresh: boolean }
  /** A request takes the connection that it was given, or finds it dead; whether it goes on where that had served nobody. */
  | { readonly _tag: "claim"; readonly pick: number; readonly patient: boolean }
  | { readonly _tag: "checkin"; readonly pick: number; readonly hint: Hint | undefined }
  /** Its connection is closed while a request uses it: by the server, or by interruption. */
  | { readonly _tag: "lose"; readonly pick: number }
  /** A connection was given and the request has not taken it yet when the server closes it. */
  | { readonly _tag: "die"; readonly pick: number }
  | { readonly _tag: "opened"; readonly pick: number; readonly lifetime: number }
  /** The request of a reserve is answered, or its connection closed before. */
  | { readonly _tag: "greeted"; readonly pick: number; readonly hint: Hint | undefined }
  | { readonly _tag: "greetingFails"; readonly pick: number }
  /** What is opened to an origin from now on has other options. */
  | { readonly _tag: "rotate"; readonly origin: number }
  /** Opening one fails; whether those whose failure that is wait for another, in their place, and whether it may be over in a moment. */
  | { readonly _tag: "failed"; readonly pick: number; readonly again: boolean; readonly recoverable: boolean }
  /** Pauses that are over end. */
  | { readonly _tag: "tryAgain" }
  /** How what is opened from now on ends: later, or at once. */
  | { readonly _tag: "opens"; readonly how: "later" | "opened" | "failed" | "refused" }
  /** Time goes by; whether what is too old is looked for. */
  | { readonly _tag: "time"; readonly millis: number; readonly expire: boolean }
  /** The head of a response has come, which nobody has begun to read: it may be taken after so long. And: somebody begins to read it. */
  | { readonly _tag: "unread"; readonly pick: number; readonly grace: number }
  | { readonly _tag: "read"; readonly pick: number }
  /** Responses that nobody reads are looked for, where requests wait in vain. */
  | { readonly _tag: "reclaim" }
  | { readonly _tag: "peerCloses"; readonly pick: number }
  /** A connection, or what is being opened, is not to be used again. */
  | { readonly _tag: "retire"; readonly pick: number }
  /** A request is interrupted while it waits. */
  | { readonly _tag: "cancel"; readonly pick: number }
  /** A request is interrupted when it was given a connection, but has not taken it yet. */
  | { readonly _tag: "cancelGiven"; readonly pick: number }
  /** A request is interrupted, or its connection found closed, before it has used the connection that it has taken. */
  | { readonly _tag: "giveBack"; readonly pick: number }
  /** The connection that a request has taken is found closed before it is used, so that it asks for another, in its place. */
  | { readonly _tag: "stale"; readonly pick: number }
  /** News of a connection that is closed already. */
  | { readonly _tag: "late"; readonly pick: number }
  | { readonly _tag: "closeIdle" | "shutdown" | "destroy" }

export class Driver extends Model {
  readonly #origins: number
  #opens: "later" | "opened" | "failed" | "refused" = "later"
  #requests = 0
  /** The highest place in the queue so far. */
  #drawn = -1
  #responses = 0
  /** What is being opened, what was given up meanwhile included. */
  readonly #openings: Array<Conn> = []
  readonly #given: Array<Req> = []
  readonly #using: Array<Req> = []
  readonly #closed: Array<Conn> = []
  /** Those who were told that they get nothing. Each cancels its waiting, as the pool does. */
  readonly #told: Array<{ readonly req: Req; readonly again: boolean }> = []
  #carrying = false
  /** By origin, the options that what is opened has, and the last that something was opened with. */
  readonly #options = new Map<string, { next: number; last: number }>()
  readonly #optionsOf = new Map<Conn, number>()

  /** The first origins have reserves of so many idle connections, with a request or without. */
  constructor(limits: Limits, origins: number, reserves: ReadonlyArray<number> = [], greets = false) {
    super(limits, new Map(reserves.map((minIdle, i) => [`origin ${i}`, minIdle])), greets)
    this.#origins = origins
  }

  run(actions: Iterable<Action>): void {
    this.carryOut()
    for (const action of actions) this.act(action)
  }

  act(action: Action): void {
    const pick = <A>(list: ReadonlyArray<A>, then: (value: A) => void): void => {
      const value = "pick" in action ? list[action.pick % list.length] : undefined
      if (value !== undefined) then(value)
    }
    switch (action._tag) {
      case "checkout":
        this.#checkout(`origin ${action.origin % this.#origins}`, action.fresh)
        break
      case "claim":
        pick(this.#given, (req) => this.#claim(req, action.patient))
        break
      case "checkin":
        pick(this.#using, (req) => this.#checkin(req, action.hint))
        break
      case "lose":
        pick(this.#using, (req) => {
          this.#end(this.#using, req)
          if (req.held !== undefined) this.#gone(req.held)
        })
        break
      case "die":
        pick(this.#given, (req) => {
          if (req.held !== undefined) this.#gone(req.held)
        })
        break
      case "opened":
        pick(this.#openings, (conn) => this.#opened(conn, action.lifetime))
        break
      case "greeted":
        pick(this.greeting(), (conn) => this.#greeted(conn, action.hint))
        break
      case "greetingFails":
        pick(this.greeting(), (conn) => this.#gone(conn))
        break
      case "rotate":
        this.#optionsFor(`origin ${action.origin % this.#origins}`).next++
        break
      case "failed":
        pick(this.#openings, (conn) => this.#failed(conn, action.again, action.recoverable))
        break
      case "tryAgain":
        this.#tryAgain()
        break
      case "opens":
        this.#opens = action.how
        break
      case "time":
        this.now += action.millis
        if (action.expire) this.#expire()
        break
      case "unread":
        pick(this.#using, (req) => this.#unread(req, action.grace))
        break
      case "read":
        pick(this.unread(), (conn) => {
          conn.unreadFrom = undefined
        })
        break
      case "reclaim":
        this.#reclaim()
        break
      case "peerCloses":
        pick(this.idle(), (conn) => this.#gone(conn))
        break
      case "retire":
        pick(this.conns, (conn) => this.#retire(conn))
        break
      case "cancel":
        pick(this.waiting, (req) => this.#cancel(req))
        break
      case "giveBack":
        pick(this.#using, (req) => this.#giveBack(req))
        break
      case "stale":
        pick(this.#using, (req) => this.#stale(req))
        break
      case "cancelGiven":
        pick(this.#given, (req) => this.#cancelGiven(req))
        break
      case "late":
        pick(this.#closed, (conn) => this.#late(conn))
        break
      case "closeIdle":
        this.step("closeIdle", () => this.state.closeIdle("Closed"))
        this.must(this.idle().length === 0, "something is idle still")
        break
      case "shutdown":
        this.#shutdown()
        break
      case "destroy":
        this.#destroy()
    }
    this.carryOut()
    for (let told = this.#told.shift(); told !== undefined; told = this.#told.shift()) {
      const { again, req } = told
      this.#nothing("cancel", () => this.state.cancel(req, this.now))
      if (again) this.#again(req)
    }
  }

  /** Everything that is under way goes well, one after the other: whoever waits is served, in so many rounds. */
  drain(): void {
    this.#opens = "later"
    // A reserve would be filled again and again.
    if (this.reserves.size > 0) this.act({ _tag: "shutdown" })
    const under = this.#openings.length + this.#given.length + this.#using.length
    let rounds = 4 * (this.waiting.length + this.conns.length + under)
    while (this.waiting.length + this.#openings.length + this.#given.length + this.#using.length > 0) {
      this.must(rounds-- > 0, "those who wait are not served")
      this.act({ _tag: "time", millis: this.limits.backoffMillis, expire: false })
      this.act({ _tag: "tryAgain" })
      this.act({ _tag: "opened", pick: 0, lifetime: Infinity })
      this.act({ _tag: "claim", pick: 0, patient: true })
      this.act({ _tag: "checkin", pick: 0, hint: undefined })
    }
    this.act({ _tag: "closeIdle" })
    this.#isEmpty()
  }

  /** Ends it all at once: what comes to its end afterwards finds nothing. */
  finish(): void {
    this.act({ _tag: "destroy" })
    this.#isEmpty()
    while (this.#openings.length > 0) this.act({ _tag: "opened", pick: 0, lifetime: Infinity })
    while (this.#given.length > 0) this.act({ _tag: "claim", pick: 0, patient: false })
    while (this.#using.length > 0) this.act({ _tag: "checkin", pick: 0, hint: undefined })
    this.#isEmpty()
  }

  #isEmpty(): void {
    const { busy, commands, connecting, groups, idle, open, waiting } = this.state
    const left = open + busy + connecting + waiting + idle.size + groups.size + commands.length
    this.must(left === 0 && this.conns.length === 0 && this.waiting.length === 0, "something is left")
  }

  // --- requests

  #checkout(origin: string, fresh: boolean): void {
    // What is sent once more has been under way, so it may still finish.
    if (this.closing && (!fresh || this.destroyed)) return
    const req = new Req(origin, fresh, ++this.#requests)
    this.must((req.order = this.state.drawOrder()) > this.#drawn, "its place is not behind all others")
    this.#drawn = req.order
    if (!this.#take(req)) this.#enqueue(req)
  }

  /** The newest that is not too old; those that are newer, and too old, are closed. */
  #take(req: Req): boolean {
    if (req.fresh) return false
    const idle = this.inOrderOfUse(req.origin)
    const live = idle.findIndex((conn) => conn.keptUntil > this.now || this.isKept(conn))
    const conn = idle[live]
    if (conn !== undefined) this.lend(conn, req)
    const slot = this.step("take", () => this.state.acquire(req.origin, this.now))
    this.must(slot === conn?.slot, "another is taken than the next")
    for (const old of live === -1 ? idle : idle.slice(0, live)) this.must(old.phase === "closed", "one too old is kept")
    this.carryOut(conn !== undefined)
    if (conn === undefined) return false
    this.must(this.conn(slot).slot.connection === conn, "it was never opened")
    req.phase = "using"
    this.#using.push(req)
    return true
  }

  #enqueue(req: Req): void {
    const { limits, state } = this
    const { accepted, order } = req
    this.recallOutage(req.origin)
    const full = !accepted && this.queued().length >= limits.waiters && !this.hasPlace(req.origin)
    if (!full) this.enter(req)
    const queued = this.step("enqueue", () => state.enqueue(req, req.origin, () => req.origin, this.now))
    if (accepted || full) this.must(req.order === order, "it has lost its place")
    else this.must(req.order > this.#drawn, "its place is not behind all others")
    this.#drawn = Math.max(this.#drawn, req.order)
    if (!full) {
      this.must(
        this.sharesFailure(req.origin) === (!req.waiting && !this.destroyed),
        "it waits in vain"
      )
    }
    this.must(queued === !full, full ? "too many wait" : "refused without need")
    this.carryOut()
  }

  #claim(req: Req, patient: boolean): void {
    const { held: conn } = req
    if (conn === undefined) return
    this.#given.splice(this.#given.indexOf(req), 1)
    req.granted = undefined
    if (conn.phase !== "closed") {
      req.phase = "using"
      this.#using.push(req)
    } else if (conn.served > 1) this.#again(req)
    else if (!patient) req.phase = "ended"
    else {
      this.beginOutage(req.origin, Infinity)
      this.step("lost", () => this.state.lost(req.origin, this.now))
      this.#again(req)
    }
  }

  /** A request whose turn was in vain. */
  #again(req: Req): void {
    req.accepted = true
    if (!this.#take(req)) this.#enqueue(req)
  }

  #end(list: Array<Req>, req: Req): void {
    list.splice(list.indexOf(req), 1)
    req.phase = "ended"
  }

  #checkin(req: Req, hint: Hint | undefined): void {
    const { held: conn } = req
    if (conn === undefined) return
    this.#end(this.#using, req)
    const { now, state } = this
    if (conn.phase === "closed") return this.#nothing("checkin", () => state.release(conn.slot, now, hint))
    this.#answered(conn, hint)
    const reserve = this.reserves.get(conn.origin)
    if (reserve !== undefined) reserve.failures = 0
    this.offer("checkin", conn, false, () => state.release(conn.slot, now, hint))
  }

  #unread({ held: conn }: Req, grace: number): void {
    if (conn === undefined || conn.phase === "closed") return
    conn.unreadFrom = this.now + grace
    conn.unreadSince = ++this.#responses
    this.step("unread", () => this.state.unread(conn.slot, this.now, this.now + grace))
  }

  #reclaim(): void {
    const next = this.step(
      "reclaim",
      () => this.state.reclaim(this.now, (slot) => this.conn(slot).unreadFrom !== undefined)
    )
    const [first] = this.blocking()
    this.must((first?.unreadFrom ?? Infinity) > this.now, "one waits, although nobody reads a response")
    this.must(next === (first?.unreadFrom ?? Infinity), "it is not looked again when the next may be taken")
  }

  #cancel(req: Req): void {
    const opening = this.unwant(req)
    this.leave(req, "ended")
    const abandoned = this.step("cancel", () => this.state.cancel(req, this.now))
    const given = opening?.phase === "closed" ? opening.slot : undefined
    this.must(abandoned === given, "another opening is to be waited for")
  }

  #cancelGiven(req: Req): void {
    const { held: conn } = req
    if (conn === undefined) return
    this.#end(this.#given, req)
    if (conn.phase === "closed") return this.#nothing("cancel", () => this.state.cancel(req, this.now))
    conn.served--
    conn.left++
    this.offer("cancel", conn, false, () => this.state.cancel(req, this.now))
  }

  #stale(req: Req): void {
    const { held: conn } = req
    if (conn === undefined) return
    this.#using.splice(this.#using.indexOf(req), 1)
    this.#gone(conn)
    this.carryOut()
    this.#again(req)
  }

  #giveBack(req: Req): void {
    const { held: conn } = req
    if (conn === undefined) return
    this.#end(this.#using, req)
    const { now, state } = this
    if (conn.phase === "closed") return this.#nothing("giveBack", () => state.releaseUnused(conn.slot, now))
    conn.served--
    conn.left++
    this.offer("giveBack", conn, false, () => state.releaseUnused(conn.slot, now))
  }

  // --- connections

  #opened(conn: Conn, lifetime: number): void {
    if (this.#ended(conn)) return
    if (conn.owner !== undefined) this.disown(conn.owner)
    this.endOutage(conn.origin)
    conn.expiresAt = this.now + lifetime
    conn.keptUntil = Math.min(this.now + this.limits.idleMillis, conn.expiresAt)
    conn.neededUntil = conn.expiresAt
    const reserve = this.reserves.get(conn.origin)
    if (reserve !== undefined) reserve.until = Math.min(reserve.until, this.now)
    const options = this.#optionsFor(conn.origin)
    const own = this.#optionsOf.get(conn) ?? 0
    const isNewest = own > options.last
    options.last = Math.max(own, options.last)
    for (const other of this.conns) {
      if (other.origin === conn.origin) other.outdated = (this.#optionsOf.get(other) ?? 0) < options.last
    }
    this.offer("connected", conn, true, () => this.state.connected(conn.slot, this.now, lifetime))
    if (isNewest) {
      this.step("rotated", () => this.state.rotated(conn.slot.group))
      this.must(this.idle(conn.origin).every(({ outdated }) => !outdated), "one with old options is kept")
    }
    this.carryOut()
  }

  #optionsFor(origin: string): { next: number; last: number } {
    const options = this.#options.get(origin) ?? { next: 0, last: 0 }
    this.#options.set(origin, options)
    return options
  }

  #greeted(conn: Conn, hint: Hint | undefined): void {
    if (conn.phase !== "greeting") return this.#nothing("greeted", () => this.state.greeted(conn.slot, this.now, hint))
    conn.greetedAt = this.now
    this.#answered(conn, hint)
    this.offer("greeted", conn, false, () => this.state.greeted(conn.slot, this.now, hint))
    this.carryOut()
  }

  /** The server may have said for how long it keeps the connection. */
  #answered(conn: Conn, hint: Hint | undefined): void {
    conn.left = Math.min(conn.left, hint?.left ?? Infinity)
    conn.neededUntil = Math.min(this.now + (hint?.idleMillis ?? Infinity), conn.expiresAt)
    conn.keptUntil = Math.min(this.now + this.limits.idleMillis, conn.neededUntil)
  }

  #failed(conn: Conn, again: boolean, recoverable: boolean): void {
    if (this.#ended(conn)) return
    const { origin, owner } = conn
    if (owner !== undefined) this.disown(owner)
    const last = this.open(origin) === 1
    this.end(conn)
    this.reserveFailed(this.reserves.get(origin))
    const outage = recoverable ? this.beginOutage(origin, conn.failuresBefore) : undefined
    if (outage === undefined) this.endOutage(origin)
    const all = outage !== undefined && last ? this.waiting.filter((req) => req.origin === origin) : []
    const lost = outage !== undefined && !this.isLong(outage) ? [] : all.length > 0 ? all : owner ? [owner] : []
    for (const req of lost) {
      this.leave(req, "ended")
      this.#told.push({ req, again })
    }
    const failed = this.step("failed", () => this.state.failed(conn.slot, this.now, recoverable))
    this.must(failed.lost.length === lost.length, "another number of requests fails")
    for (const [i, req] of failed.lost.entries()) this.must(req === lost[i], "another request fails")
    this.carryOut()
  }

  #tryAgain(): void {
    for (const origin of this.outages.keys()) this.endPause(origin)
    this.step("tryAgain", () => this.state.tryAgain(this.now))
    this.carryOut()
    const waits = [...this.outages].filter(([origin, { pausing }]) =>
      pausing && this.waiting.some((req) => req.origin === origin && req.opening === undefined)
    )
    const filled = [...this.reserves.keys()].map((origin) => this.lacksFrom(origin) ?? Infinity)
    const next = Math.min(...waits.map(([, { until }]) => until), ...filled)
    this.must(this.state.pausesUntil === next, "it is not tried again when the next pause ends")
  }

  /** The end of an opening; whether it had been given up. */
  #ended(conn: Conn): boolean {
    this.#openings.splice(this.#openings.indexOf(conn), 1)
    const aborted = conn.phase === "closed"
    this.must((conn.slot.status === "gone") === aborted, "the opening is not what it should be")
    return aborted
  }

  #gone(conn: Conn): void {
    if (conn.phase === "closed") return this.#nothing("gone", () => this.state.gone(conn.slot))
    this.end(conn)
    this.#closed.push(conn)
    this.step("gone", () => this.state.gone(conn.slot))
  }

  #late(conn: Conn): void {
    this.#nothing("gone", () => this.state.gone(conn.slot))
    this.#nothing("checkin", () => this.state.release(conn.slot, this.now, undefined))
    this.#greeted(conn, undefined)
  }

  #retire(conn: Conn): void {
    conn.retired = "AddressGone"
    this.step("retire", () => this.state.retire(conn.slot, "AddressGone"))
    this.must(conn.phase !== "idle", "it is not closed")
  }

  #nothing(event: string, run: () => unknown): void {
    const before = this.state.commands.length
    const result = this.step(event, run)
    this.must(result === undefined && this.state.commands.length === before, "something is decided")
  }

  #expire(): void {
    const next = this.step("expire", () => this.state.expire(this.now))
    for (const conn of this.idle()) {
      this.must(!this.isOver(conn, this.idle(conn.origin).length - 1), "one too old is kept")
    }
    const times = this.idle().map((conn) => conn.keptUntil)
    this.must(times.every((time) => time > this.now), "one too old is kept")
    this.must(next === Math.min(...times), "it is not looked again when the next is too old")
  }

  // --- the end

  #shutdown(): void {
    this.closing = true
    this.step("shutdown", () => this.state.shutdown())
  }

  #destroy(): void {
    this.closing = true
    this.destroyed = true
    for (const req of this.waiting) this.disown(req)
    this.step("destroy", () => this.state.destroy())
    this.must(this.conns.length + this.waiting.length === 0, "something is left")
  }

  // --- carrying out

  /** A request that is queued next is queued before a reserve is filled. */
  carryOut(fills = true): void {
    const { state } = this
    if (this.#carrying) return
    this.#carrying = true
    if (fills) this.#fill()
    while (state.commands.length > 0) {
      const { commands } = state
      state.commands = []
      for (const command of commands) this.#carry(command)
      if (fills) this.#fill()
    }
    this.#carrying = false
  }

  #fill(): void {
    for (const [origin, reserve] of this.reserves) {
      // A greeted one that was open for a second was of use, although nobody used it.
      if (this.now - reserve.wasted < 1000) this.reserveFailed(reserve)
      else if (reserve.wasted !== -Infinity) reserve.failures = 0
      reserve.wasted = -Infinity
      this.recallOutage(origin)
    }
    this.step("fill", () => this.state.fill(this.now))
    for (const origin of this.reserves.keys()) {
      this.must((this.lacksFrom(origin) ?? Infinity) > this.now, "a reserve lacks a connection")
    }
  }

  #carry(command: Command): void {
    switch (command._tag) {
      case "Open":
      case "Warm": {
        const conn = this.conn(command.slot)
        conn.slot.connection = conn
        this.#optionsOf.set(conn, this.#optionsFor(conn.origin).next)
        this.#openings.push(conn)
        if (this.#opens === "opened") this.#opened(conn, Infinity)
        if (this.#opens === "failed") this.#failed(conn, false, false)
        if (this.#opens === "refused") this.#failed(conn, false, true)
        return
      }
      case "Greet":
        if (this.#opens === "opened") this.#greeted(this.conn(command.slot), undefined)
        return
      case "Give": {
        const { slot, waiter } = command
        this.must(slot.connection !== undefined && slot.connection === waiter.held, "it was never opened")
        this.must(waiter.granted === slot, "what is given is not granted")
        this.#given.push(waiter)
        return
      }
      case "Fail":
      case "Refuse":
        this.#told.push({ req: command.waiter, again: false })
        return
      case "Close":
      case "Reclaim": {
        // Whoever watches the connection tells the pool that it has closed.
        const conn = this.conn(command.slot)
        this.#closed.push(conn)
        return this.#nothing("gone", () => this.state.gone(conn.slot))
      }
    }
  }
}
