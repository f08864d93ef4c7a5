/** The credentials that callers hold, whose output shows nothing, and the scheme in them. */
import { identity } from "effect/Function"
import * as Inspectable from "effect/Inspectable"
import type * as Types from "effect/Types"
import type { Scheme } from "./scheme.ts"

export const TypeId: unique symbol = Symbol.for("effect-http-client/Auth") as never

export type TypeId = typeof TypeId

/** The public view. */
export interface Credentials<out E> {
  readonly [TypeId]: { readonly _E: Types.Covariant<E> }
}

const variance: { readonly _E: Types.Covariant<never> } = { _E: identity }

export class Handle<E> implements Credentials<E> {
  readonly #scheme: Scheme<E>

  constructor(scheme: Scheme<E>) {
    this.#scheme = scheme
  }

  get [TypeId](): { readonly _E: Types.Covariant<E> } {
    return variance
  }

  toJSON(): unknown {
    return { _id: "Auth" }
  }

  [Inspectable.NodeInspectSymbol](): unknown {
    return this.toJSON()
  }

  static schemeOf<E>(handle: Handle<E>): Scheme<E> {
    return handle.#scheme
  }
}

export const isCredentials = (u: unknown): u is Credentials<unknown> => u instanceof Handle

/** Throws for the handle of another copy of this library, which the types exclude. */
export const schemeOf = <E>(auth: Credentials<E>): Scheme<E> => {
  if (auth instanceof Handle) return Handle.schemeOf<E>(auth)
  throw new TypeError("This was not made by `Auth` of this copy of effect-http-client")
}
