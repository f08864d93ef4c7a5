/** Handles failures of the platform's client by the tag of the error that caused them. */
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Option from "effect/Option"
import type { HttpError } from "../../HttpError.ts"
import { fromPlatform } from "../../HttpError.ts"

/** The error of this library with this tag. */
export type Tagged<Tag extends HttpError["_tag"]> = Extract<HttpError, { readonly _tag: Tag }>

const hasTag = <Tag extends HttpError["_tag"]>(tag: Tag) => (error: HttpError): error is Tagged<Tag> =>
  error._tag === tag

/** Handles the failures that an error with this tag has caused. */
export const catchTag: {
  <Tag extends HttpError["_tag"], A1, E1, R1>(
    tag: Tag,
    handler: (error: Tagged<Tag>) => Effect.Effect<A1, E1, R1>
  ): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A | A1, E | E1, R | R1>
  <A, E, R, Tag extends HttpError["_tag"], A1, E1, R1>(
    effect: Effect.Effect<A, E, R>,
    tag: Tag,
    handler: (error: Tagged<Tag>) => Effect.Effect<A1, E1, R1>
  ): Effect.Effect<A | A1, E | E1, R | R1>
} = dual(
  3,
  <A, E, R, Tag extends HttpError["_tag"], A1, E1, R1>(
    effect: Effect.Effect<A, E, R>,
    tag: Tag,
    handler: (error: Tagged<Tag>) => Effect.Effect<A1, E1, R1>
  ): Effect.Effect<A | A1, E | E1, R | R1> =>
    Effect.catchSome(effect, (failure) => Option.map(Option.filter(fromPlatform(failure), hasTag(tag)), handler))
)
