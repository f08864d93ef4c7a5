/**
 * Checks a request that no type has checked, before any part of it is used.
 *
 * Only kinds are checked here. The code that encodes and reads methods, targets, fields and options
 * checks their values.
 */
import * as Predicate from "effect/Predicate"
import type * as HttpRequest from "../HttpRequest.ts"
import { InvalidOption } from "./error/request.ts"
import { isBytes, isEffect } from "./given.ts"
import { isFields } from "./model/fields.ts"

const bodies: ReadonlySet<unknown> = new Set(["Empty", "Bytes", "Streaming"])

const isBody = (body: unknown): boolean =>
  Predicate.isRecord(body) && bodies.has(body["_tag"]) && (body["_tag"] !== "Bytes" || isBytes(body["bytes"]))

/** Returns the error if the value is not a request. */
export const notRequest = (request: HttpRequest.HttpRequest<unknown>): InvalidOption | undefined => {
  if (!Predicate.isRecord(request)) {
    return new InvalidOption({
      option: "request",
      reason: "make it with `HttpRequest.make`, or `get`, `post` and their like"
    })
  }
  const { body, fields, trailers } = request
  return !isFields(fields)
    ? new InvalidOption({
      option: "request.fields",
      reason: "make them with `HttpFields.make` or `HttpFields.fromInput`"
    })
    : !isFields(trailers) && !(Predicate.isObject(trailers) && isEffect(trailers))
    ? new InvalidOption({
      option: "request.trailers",
      reason: "make them with `HttpFields.make` or `HttpFields.fromInput`"
    })
    : isBody(body)
    ? undefined
    : new InvalidOption({ option: "request.body", reason: "make it with a function of `HttpBody`" })
}
