/**
 * TLS sessions that later connections resume, which saves them the certificate and half of the
 * handshake's time.
 *
 * A server shows no certificate when a session is resumed, so a session stands for the verification
 * of the connection that it came from. It is only kept if that verification succeeded.
 *
 * It is only used by connections with the same options (authorities, pins, client certificate), the
 * same endpoint and the same server name. It is not used beyond the expiry of a certificate in the
 * chain. Sessions from a resumed connection have the same limit.
 *
 * A ticket of TLS 1.3 is used once (RFC 8446 appendix C.4). Data is never sent before the handshake
 * has ended (0-RTT).
 */
import type * as net from "node:net"
import type * as tls from "node:tls"
import type * as Tls from "../../Tls.ts"

/** The number of sessions that are kept for the same options. */
export const defaultSessions = 100

/** How many of them may belong to one server. */
const perServer = 8

/** Milliseconds after which a server must show its certificate again. */
const longest = 24 * 60 * 60 * 1000

/** A session, and its expiry in milliseconds since the epoch. */
interface Kept {
  readonly session: Buffer
  readonly isSingleUse: boolean
  readonly until: number
}

/** The sessions of connections with the same options, by server: the one used last is last. */
export class Sessions {
  readonly #limit: number
  readonly #servers = new Map<string, Array<Kept>>()
  #size = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  get size(): number {
    return this.#size
  }

  /**
   * Keeps a session. If there are too many, drops the oldest session of the server, or one of the
   * least recently used server.
   */
  keep(server: string, kept: Kept): void {
    const list = this.#servers.get(server) ?? []
    this.#servers.delete(server)
    this.#servers.set(server, list)
    // A second session of TLS 1.2 would be equivalent.
    if (!kept.isSingleUse) this.#size -= list.splice(0).length
    list.push(kept)
    this.#size++
    if (list.length > perServer) this.#drop(server, list)
    for (const [oldest, theirs] of this.#servers) {
      if (this.#size <= this.#limit) break
      while (this.#size > this.#limit && theirs.length > 0) this.#drop(oldest, theirs)
    }
  }

  /** Returns the newest session of a server that may be used now. */
  take(server: string, now: number): Kept | undefined {
    const list = this.#servers.get(server)
    for (let kept = list?.at(-1); list !== undefined && kept !== undefined; kept = list.at(-1)) {
      if (kept.until > now && !kept.isSingleUse) {
        this.#servers.delete(server)
        this.#servers.set(server, list)
        return kept
      }
      list.pop()
      this.#size--
      if (list.length === 0) this.#servers.delete(server)
      if (kept.until > now) return kept
    }
    return undefined
  }

  forget(server: string): void {
    this.#size -= this.#servers.get(server)?.length ?? 0
    this.#servers.delete(server)
  }

  #drop(server: string, list: Array<Kept>): void {
    list.shift()
    this.#size--
    if (list.length === 0) this.#servers.delete(server)
  }
}

// Options are immutable, and equal ones are one record, so the map is keyed by their identity. It
// keeps nothing alive.
const caches = new WeakMap<Tls.Options, Sessions>()

/**
 * Returns the sessions of connections with these options; `undefined` if none are kept. A
 * revocation list may expire before the session does, so `crl` excludes sessions as `verify: false`
 * does.
 */
export const sessionsOf = (options: Tls.Options): Sessions | undefined => {
  const { crl, sessions = defaultSessions, verify } = options
  if (sessions === false || verify === false || crl !== undefined) return undefined
  const known = caches.get(options)
  if (known !== undefined) return known
  const made = new Sessions(sessions)
  caches.set(options, made)
  return made
}

/** Returns the expiry of a verified chain in milliseconds since the epoch. */
export const endOf = (certificate: tls.PeerCertificate): number => {
  let end = Infinity
  let next: Partial<tls.DetailedPeerCertificate> | undefined = certificate
  for (let length = 0; next !== undefined && length < 32; length++) {
    const until = Date.parse(next.valid_to ?? "")
    // An unreadable expiry counts as expired.
    end = Number.isNaN(until) ? 0 : Math.min(end, until)
    next = next.issuerCertificate === next ? undefined : next.issuerCertificate
  }
  return end
}

/** The state of a connection that may receive sessions. */
export class Visit {
  readonly sessions: Sessions
  readonly server: string
  /** The session that was offered, until the handshake has ended. */
  offered: Kept | undefined
  /** When its sessions expire; 0 before the connection was accepted. */
  until = 0
  /** How many more sessions are kept from it. */
  left = 0

  constructor(sessions: Sessions, server: string) {
    this.sessions = sessions
    this.server = server
    this.offered = undefined
  }

  /** Returns the session to offer, if there is one. */
  offer(): Buffer | undefined {
    this.offered = this.sessions.take(this.server, Date.now())
    return this.offered?.session
  }
}

// As in `socket.ts`, all sockets share the listeners, which find the visit on the socket.
const visitOf = Symbol("effect-http-client/visit")

interface Visiting extends net.Socket {
  [visitOf]?: Visit | undefined
  /** Not in the types of Node 20. */
  setSession?(session: Buffer): void
}

function onConnect(this: Visiting): void {
  const session = this[visitOf]?.offer()
  if (session !== undefined) this.setSession?.(session)
}

/** Node calls this only after it has verified the server, or has resumed a session. */
function onSession(this: tls.TLSSocket & Visiting, session: Buffer): void {
  const visit = this[visitOf]
  if (visit === undefined || visit.until === 0) return
  const { server, sessions, until } = visit
  sessions.keep(server, { session, isSingleUse: this.getProtocol() === "TLSv1.3", until })
  if (--visit.left <= 0) leave(this)
}

/** Stops listening, so that an idle connection costs no more than one without sessions. */
const leave = (socket: Visiting): void => {
  socket[visitOf] = undefined
  socket.off("session", onSession)
}

/**
 * Keeps the sessions that a socket receives, once it was accepted. If it is not connected yet,
 * offers a session when it is, because another socket to the same server may connect first. Must be
 * called in the tick in which the socket was made.
 */
export const follow = (socket: tls.TLSSocket, visit: Visit, isConnected: boolean): void => {
  Object.assign(socket, { [visitOf]: visit })
  socket.on("session", onSession)
  // Before Node's own listener, which sends the first message of the handshake.
  if (!isConnected) socket.prependOnceListener("connect", onConnect)
}

/**
 * Records that the connection was accepted. `end` is the expiry of its verified chain, if it was
 * verified.
 */
export const accept = (socket: tls.TLSSocket & Visiting, end: number): void => {
  const visit = socket[visitOf]
  if (visit === undefined) return
  const isResumed = socket.isSessionReused()
  visit.until = isResumed ? visit.offered?.until ?? 0 : Math.min(end, Date.now() + longest)
  visit.offered = undefined
  if (!socket.authorized || visit.until === 0) return leave(socket)
  // OpenSSL and most servers send two tickets of TLS 1.3, and one on a resumed connection.
  visit.left = isResumed || socket.getProtocol() !== "TLSv1.3" ? 1 : 2
}

/**
 * Records that the socket has closed. If that was in a handshake with a session, the next
 * connection offers none.
 */
export const close = (socket: net.Socket & Visiting): void => {
  const visit = socket[visitOf]
  if (visit === undefined) return
  if (visit.offered !== undefined) visit.sessions.forget(visit.server)
  leave(socket)
}
