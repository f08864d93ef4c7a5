/**
 * Reads a response from bytes alone. It runs an exchange over a channel whose incoming side is
 * those bytes. So the rules, limits and relaxations are the same as for the bytes of a server.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { HeadFailure, InvalidRequest, UnsupportedScheme } from "../../HttpError.ts"
import type * as HttpLeniency from "../../HttpLeniency.ts"
import type * as HttpLimits from "../../HttpLimits.ts"
import * as HttpRequest from "../../HttpRequest.ts"
import type { HttpResponse } from "../../HttpResponse.ts"
import type * as HttpTimeouts from "../../HttpTimeouts.ts"
import * as Origin from "../../Origin.ts"
import { Transport } from "../../Transport.ts"
import { InvalidOption } from "../error/request.ts"
import { nodeEventLoop } from "../node/eventLoop.ts"
import type { RedactedNames } from "./caller.ts"
import { make } from "./httpConnection.ts"
import { open } from "./streamDuplex.ts"

/** The options of `HttpConnection.readResponse`, where they are documented. */
export interface ReadResponseOptions {
  readonly method?: string | undefined
  readonly url?: string | undefined
  readonly timeouts?: HttpTimeouts.Options | undefined
  readonly limits?: HttpLimits.Options | undefined
  readonly leniency?: HttpLeniency.HttpLeniency | undefined
}

/** The errors of reading a response from bytes: those of the options and of the head. */
export type ReadResponseFailure = InvalidRequest | HeadFailure

const streamOf = (source: unknown): Stream.Stream<Uint8Array, unknown> | InvalidOption =>
  source instanceof Uint8Array
    ? Stream.make(source)
    : typeof source === "object" && source !== null && Stream.StreamTypeId in source
    ? source as Stream.Stream<Uint8Array, unknown>
    : new InvalidOption({ option: "source", reason: "it must be a Uint8Array or a Stream of them" })

/** Reads the head of a response. The body is parsed as it is read. */
export const readResponse = (
  source: Uint8Array | Stream.Stream<Uint8Array, unknown>,
  options: ReadResponseOptions,
  redactedNames: RedactedNames
): Effect.Effect<HttpResponse, ReadResponseFailure, Scope.Scope> =>
  Effect.gen(function*() {
    const { leniency, limits, method = "GET", timeouts, url = "http://localhost/" } = options
    const stream = streamOf(source)
    if (stream instanceof InvalidOption) return yield* stream
    const { origin, target } = yield* Origin.fromUrl(url)
    const transport = Transport.of({
      open: () => open(stream, nodeEventLoop),
      // TLS would be below these bytes, and no tunnel is opened for them.
      secure: Effect.succeed
    })
    const connection = yield* Effect.provideService(
      make(
        { host: origin.host, port: origin.port, tls: origin.scheme === "https", leniency, limits, timeouts },
        redactedNames
      ),
      Transport,
      transport
    )
    const request = HttpRequest.make(method, method === "CONNECT" ? Origin.hostPort(origin) : target)
    return yield* connection.execute(request)
  }) as Effect.Effect<HttpResponse, ReadResponseFailure | UnsupportedScheme, Scope.Scope>
