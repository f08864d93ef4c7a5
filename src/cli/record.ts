/** Writes the exchange as a HAR file, for tools that read it. */
import * as Effect from "effect/Effect"
import { writeFile } from "node:fs/promises"
import * as Cassette from "../Cassette.ts"
import { Transport } from "../Transport.ts"
import type { Failure } from "./failure.ts"
import { fileFailure } from "./failure.ts"

/** The most bytes that are kept, because no tool reads a file that is much larger. */
const maxBytes = 256 * 1024 * 1024

/**
 * Runs an exchange, and writes the file afterwards, also if it failed or was interrupted. The
 * failure of the exchange is reported rather than that of the file.
 */
export const recorded = (
  file: string,
  exchange: Effect.Effect<number, Failure, Transport>
): Effect.Effect<number, Failure, Transport> =>
  Effect.gen(function*() {
    const recording = yield* Cassette.record(yield* Transport, { maxBytes })
    const write = Effect.flatMap(
      Effect.mapError(
        recording.cassette,
        () => fileFailure(23, file)(new Error(`more than ${maxBytes} bytes were exchanged`))
      ),
      (cassette) =>
        Effect.tryPromise({
          try: () => writeFile(file, `${JSON.stringify(Cassette.toHar(cassette), undefined, 2)}\n`),
          catch: fileFailure(23, file)
        })
    )
    return yield* exchange.pipe(
      Effect.provideService(Transport, recording.transport),
      Effect.onError(() => Effect.ignore(write)),
      Effect.tap(() => write)
    )
  })
