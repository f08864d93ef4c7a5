/** The handle of a keeper of tokens that users see. It shows no token. */
import * as Effect from "effect/Effect"
import * as Inspectable from "effect/Inspectable"
import type * as Redacted from "effect/Redacted"
import type { InvalidOption } from "../error/request.ts"
import type { Options, Token, Tokens } from "./tokens.ts"
import { makeTokens } from "./tokens.ts"

export const TypeId: unique symbol = Symbol.for("effect-http-client/Auth") as never

export type TypeId = typeof TypeId

/** The public view. */
export interface Refreshing<out E> {
  readonly [TypeId]: TypeId
  readonly token: Effect.Effect<Redacted.Redacted, E | InvalidOption>
  readonly forget: Effect.Effect<void>
}

class Handle<E> implements Refreshing<E> {
  readonly token: Effect.Effect<Redacted.Redacted, E | InvalidOption>
  readonly forget: Effect.Effect<void>
  readonly #tokens: Tokens<E>

  constructor(tokens: Tokens<E>) {
    this.#tokens = tokens
    this.token = Effect.map(tokens.current, ({ token }) => token)
    this.forget = Effect.sync(() => tokens.forget())
  }

  get [TypeId](): TypeId {
    return TypeId
  }

  toJSON(): unknown {
    return { _id: "Auth" }
  }

  [Inspectable.NodeInspectSymbol](): unknown {
    return this.toJSON()
  }

  static tokensOf<E>(handle: Handle<E>): Tokens<E> {
    return handle.#tokens
  }
}

export const isRefreshing = (u: unknown): u is Refreshing<unknown> => u instanceof Handle

/** Throws for the handle of another copy of this library, which the types exclude. */
export const tokensOf = <E>(auth: Refreshing<E>): Tokens<E> => {
  if (auth instanceof Handle) return Handle.tokensOf<E>(auth)
  throw new TypeError("This was not made by `Auth.refreshing` of this copy of effect-http-client")
}

export const refreshing = <E, R>(
  acquire: Effect.Effect<Token, E, R>,
  options: Options
): Effect.Effect<Refreshing<E>, InvalidOption, R> =>
  Effect.map(makeTokens(acquire, options), (tokens) => new Handle(tokens))
