/** The handle of a keeper of bearer tokens, and its constructor. */
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type { InvalidOption } from "../error/request.ts"
import type { Credentials } from "./credentials.ts"
import { Handle } from "./credentials.ts"
import type { Options, Token, Tokens } from "./tokens.ts"
import { makeTokens } from "./tokens.ts"

/** The public view. */
export interface Refreshing<out E> extends Credentials<E> {
  readonly token: Effect.Effect<Redacted.Redacted, E | InvalidOption>
  readonly forget: Effect.Effect<void>
}

class TokensHandle<E> extends Handle<E> implements Refreshing<E> {
  readonly token: Effect.Effect<Redacted.Redacted, E | InvalidOption>
  readonly forget: Effect.Effect<void>

  constructor(tokens: Tokens<E>) {
    super(tokens)
    this.token = Effect.map(tokens.current, ({ token }) => token)
    this.forget = Effect.sync(() => tokens.forget())
  }
}

export const isRefreshing = (u: unknown): u is Refreshing<unknown> => u instanceof TokensHandle

export const refreshing = <E, R>(
  acquire: Effect.Effect<Token, E, R>,
  options: Options
): Effect.Effect<Refreshing<E>, InvalidOption, R> =>
  Effect.map(makeTokens(acquire, options), (tokens) => new TokensHandle(tokens))
