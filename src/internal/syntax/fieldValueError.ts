/** The error of a field value that cannot be read or written as its grammar demands. */
import * as Data from "effect/Data"
import * as Either from "effect/Either"

/**
 * A value that cannot be read or written. It belongs to no exchange, so it has no `context` and is
 * no `HttpError`. Its message repeats nothing of the value, which may be a secret.
 */
export class FieldValueError extends Data.TaggedError("FieldValueError")<{
  /** The fault, as the end of a sentence. */
  readonly reason: string
  /** The offset in the parsed text. `undefined` if a value cannot be written. */
  readonly at?: number | undefined
}> {
  override get message(): string {
    return this.at === undefined
      ? `The value cannot be written: ${this.reason}.`
      : `The value cannot be parsed: ${this.reason} at offset ${this.at}.`
  }
}

/** Writes a value. Untyped code may pass any value, which then fails too. */
export const attempted = (
  write: () => Either.Either<string, FieldValueError>
): Either.Either<string, FieldValueError> => {
  try {
    return write()
  } catch {
    return Either.left(new FieldValueError({ reason: "a part of it is not of its type" }))
  }
}
