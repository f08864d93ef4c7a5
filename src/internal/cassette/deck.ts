/**
 * All tracks of a cassette that is played, which of them were played, and which request is answered
 * by which.
 *
 * Delivers nothing.
 */
import type * as Transport from "../../Transport.ts"
import { type Comparison, described, type Head } from "./compare.ts"
import { type Cassette, CassetteMismatch, type Endpoint } from "./model.ts"
import type { Message } from "./reader.ts"
import { type Act, type Found, type Track, trackOf } from "./tracks.ts"

export const placeOf = ({ host, port, socketPath }: Pick<Endpoint, "host" | "port" | "socketPath">): string =>
  socketPath ?? `${host.includes(":") ? `[${host}]` : host}:${port}`

const keyOf = ({ host, port, socketPath, tls }: Endpoint): string =>
  JSON.stringify([socketPath ?? host.toLowerCase(), socketPath === undefined ? port : 0, tls])

const advice = "If the program has changed on purpose, record the cassette again."

export class Deck {
  readonly comparison: Comparison
  readonly tracks: ReadonlyArray<Track>
  readonly byRequest: boolean
  /** One text for each deviation. */
  readonly problems: Array<string> = []
  readonly #next = new Map<string, number>()

  constructor(cassette: Cassette, comparison: Comparison, byRequest: boolean) {
    this.comparison = comparison
    this.byRequest = byRequest
    this.tracks = cassette.connections.map((connection, index) => trackOf(connection, index, comparison))
  }

  /** Records a deviation, and returns the error for it. */
  mismatch(problem: string): CassetteMismatch {
    const before = [...this.problems]
    this.problems.push(problem)
    return new CassetteMismatch({
      problems: before.length === 0 ? [problem] : [problem, ...before.map((text) => `Before that: ${text}`)]
    })
  }

  /** Returns the track for the next connection to an endpoint; a problem if there is none. */
  open({ host, port, socketPath, tls }: Transport.Endpoint): Track | string {
    const endpoint = { host, port, socketPath, tls: tls !== undefined }
    const key = keyOf(endpoint)
    const candidates = this.tracks.filter((track) => keyOf(track.connection.endpoint) === key)
    const number = this.#next.get(key) ?? 0
    const track = candidates[number]
      ?? (this.byRequest ? candidates.findLast(({ connection }) => connection.opening._tag === "Opened") : undefined)
    if (track === undefined) {
      const where = `${placeOf(endpoint)}${endpoint.tls ? ", with TLS" : ""}`
      const places = [...new Set(this.tracks.map(({ connection }) => placeOf(connection.endpoint)))]
      return candidates.length === 0
        ? `The cassette has no connection to ${where}. It has ${
          places.length === 0 ? "none at all" : `connections to ${places.join(" and ")}`
        }. ${advice}`
        : `The client opened connection ${number + 1} to ${where}, and the cassette has ${candidates.length}. `
          + `If the order of requests varies, play it with \`match: "request"\`. ${advice}`
    }
    this.#next.set(key, number + 1)
    track.opened = true
    return track
  }

  /** Returns the requests to the endpoint of a track that may answer one on this connection. */
  #requests(track: Track): ReadonlyArray<Found> {
    const key = keyOf(track.connection.endpoint)
    return this.tracks.filter(({ connection }) => keyOf(connection.endpoint) === key).flatMap((each) =>
      each.acts.flatMap((request, act) => request._tag === "Message" ? [{ track: each, act, request }] : [])
    )
  }

  /** Finds the recorded request for one whose head was sent. Returns a problem if there is none. */
  find(track: Track, act: number, message: Message): Found | string {
    const head = this.comparison.head(message)
    const here = track.acts[act]
    const isSame = ({ request }: Found): boolean => this.comparison.heads(request.head, head).length === 0
    const next = here?._tag === "Message" && !here.played ? { track, act, request: here } : undefined
    if (next !== undefined && isSame(next)) return next
    if (!this.byRequest) return this.#wrongNext(track, here, head)
    const requests = this.#requests(track)
    return requests.find((found) => !found.request.played && isSame(found)) ?? this.#unmatched(requests, head)
  }

  /**
   * Returns another recorded request with the same head that has this body. A request of which only
   * the head was matched counts too, because concurrent requests send their bodies in any order.
   */
  withBody(track: Track, message: Message, bytes: Uint8Array): Found | undefined {
    const head = this.comparison.head(message)
    const equal = this.#requests(track).filter(({ request, track: { sent } }) =>
      (!request.played || request.yields !== undefined)
      && this.comparison.heads(request.head, head).length === 0
      && this.comparison.bodies(request.message, sent, message, bytes) === undefined
    )
    return equal.find(({ request }) => !request.played) ?? equal[0]
  }

  #wrongNext(track: Track, here: Act | undefined, head: Head): string {
    const expected = here?._tag === "Message" && !here.played
      ? `The next one recorded on connection ${track.index} is ${described(here.head)}: ${
        this.comparison.heads(here.head, head).join("; ")
      }`
      : `On connection ${track.index} no further request was recorded`
    return `No recorded request matches ${described(head)}. ${expected}. If the order of requests varies, play it with `
      + `\`match: "request"\`. ${advice}`
  }

  #unmatched(requests: ReadonlyArray<Found>, head: Head): string {
    const judged = requests.map((found) => ({ found, differences: this.comparison.heads(found.request.head, head) }))
      .sort((a, b) => a.differences.length - b.differences.length)
    const [nearest] = judged
    if (nearest === undefined) return `No recorded request matches ${described(head)}: none was recorded. ${advice}`
    const times = judged.filter(({ differences }) => differences.length === 0).length
    return times > 0
      ? `${described(head)} was recorded ${times === 1 ? "once" : `${times} times`}, and requested once more. ${advice}`
      : `No recorded request matches ${described(head)}. The nearest is ${
        described(nearest.found.request.head)
      } on connection ${nearest.found.track.index}: ${nearest.differences.join("; ")}. ${advice}`
  }

  /** Returns the requests and connections that were not played. */
  get unplayed(): ReadonlyArray<string> {
    return this.tracks.flatMap((track) => {
      const { acts, connection, index, opened } = track
      const requests = acts.flatMap((act) =>
        act._tag === "Message" && !act.played
          ? [`${described(act.head)}, recorded on connection ${index}, was not requested.`]
          : []
      )
      return requests.length > 0 || opened || this.byRequest
        ? requests
        : [`Connection ${index}, to ${placeOf(connection.endpoint)}, was never opened.`]
    })
  }
}
