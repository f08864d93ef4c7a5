/** A response of this library as a source of events. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { BodyFailure, StatusError } from "../../HttpError.ts"
import * as HttpFields from "../../HttpFields.ts"
import type { HttpResponse } from "../../HttpResponse.ts"
import { refuseStatus } from "../body/statusCheck.ts"
import { release } from "../effect/wrappedPool.ts"
import type { EventTooLarge, NotEventStream } from "../error/eventStream.ts"
import { locateIn } from "../locateIn.ts"
import type { Source } from "./decode.ts"

/** The failures of reading a response as events. */
export type OwnFailure = BodyFailure | StatusError | NotEventStream | EventTooLarge

/**
 * How long the body of a refused response is awaited. A stream of events may allow any silence, and
 * so sets no other limit.
 */
export const refusalTime: Duration.Duration = Duration.seconds(1)

const empty: Uint8Array = new Uint8Array(0)

/** Reads the start of the body of a refused response, unless that takes too long. */
export const inTime = <E>(read: Effect.Effect<Uint8Array, E>): Effect.Effect<Uint8Array, E> =>
  Effect.timeoutTo(read, { duration: refusalTime, onSuccess: (bytes) => bytes, onTimeout: () => empty })

export class OwnSource implements Source<OwnFailure> {
  readonly #response: HttpResponse

  constructor(response: HttpResponse) {
    this.#response = response
  }

  get status(): number {
    return this.#response.status
  }

  get contentType(): string | undefined {
    return HttpFields.getUnsafe(this.#response.fields, "content-type")
  }

  get stream(): Stream.Stream<Uint8Array, OwnFailure> {
    return this.#response.stream
  }

  error(error: NotEventStream | EventTooLarge): OwnFailure {
    return locateIn(this.#response, error)
  }

  get refused(): Effect.Effect<never, StatusError> {
    return refuseStatus(this.#response, inTime)
  }

  get close(): Effect.Effect<void> {
    return this.#response.close
  }

  get abandoned(): Effect.Effect<void> {
    return this.#response.close
  }

  get released(): Effect.Effect<void> {
    return release(this.#response)
  }
}
