/**
 * Writes Structured Fields (RFC 9651 section 4.1). A value that the grammar cannot express fails
 * and is never changed. Only decimals are rounded, as section 4.1.5 demands.
 */
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import { FieldValueError } from "./fieldValueError.ts"
import type { Dictionary, InnerList, Item, List, Member, Parameters } from "./structuredFields.ts"
import type { BareItem } from "./structuredItems.ts"
import { isKey, isToken } from "./structuredItems.ts"

const encoder = new TextEncoder()

/** The limits of integers (section 3.3.1). */
const largest = 999_999_999_999_999

/** Thrown inside this file only: a value cannot be written. */
class Unwritable {
  readonly reason: string

  constructor(reason: string) {
    this.reason = reason
  }
}

const refuse = (reason: string): never => {
  throw new Unwritable(reason)
}

const integer = (value: number): string =>
  Number.isInteger(value) && Math.abs(value) <= largest
    ? String(value + 0)
    : refuse("an integer has at most 15 digits, and no fraction")

/**
 * Rounds to three digits after the point, to the even one of two that are equally near. Works on
 * the shortest decimal notation of the number, because 0.0015 is not exactly that in binary.
 */
const thousandths = (value: number): number => {
  const [whole = "", fraction = ""] = String(value).split(".")
  const kept = Number(whole + fraction.slice(0, 3).padEnd(3, "0"))
  const rest = fraction.slice(3)
  if (rest === "" || rest < "5") return kept
  return rest === "5" && kept % 2 === 0 ? kept : kept + 1
}

const decimal = (value: number): string => {
  const size = Math.abs(value)
  // Also `NaN`. Below this limit only numbers less than a millionth are written with an exponent.
  if (!(size < 1e12)) return refuse("a decimal has at most 12 digits before its point")
  const rounded = size < 1e-6 ? 0 : thousandths(size)
  if (rounded > largest) return refuse("a decimal has at most 12 digits before its point")
  const fraction = String(rounded % 1000).padStart(3, "0").replace(/0{1,2}$/, "")
  return `${value < 0 && rounded > 0 ? "-" : ""}${Math.floor(rounded / 1000)}.${fraction}`
}

const string = (value: string): string =>
  /[^\x20-\x7e]/.test(value)
    ? refuse("a string is visible ASCII and spaces; a display string may be more")
    : `"${value.replace(/["\\]/g, "\\$&")}"`

const displayString = (value: string): string => {
  if (/\p{Surrogate}/u.test(value)) return refuse("a display string has no lone surrogates")
  let text = "%\""
  for (const byte of encoder.encode(value)) {
    text += byte === 0x25 || byte === 0x22 || byte < 0x20 || byte > 0x7e
      ? `%${byte.toString(16).padStart(2, "0")}`
      : String.fromCharCode(byte)
  }
  return `${text}"`
}

/** Checks the type of a value. Untyped code can pass a value of another type than its tag says. */
const checked = <A>(value: A, isRight: boolean): A =>
  isRight ? value : refuse("the value of an item is not of its type")

const bareItem = (item: BareItem): string => {
  switch (item._tag) {
    case "Integer":
      return integer(item.value)
    case "Decimal":
      return decimal(checked(item.value, typeof item.value === "number"))
    case "String":
      return string(checked(item.value, typeof item.value === "string"))
    case "Token":
      return typeof item.value === "string" && isToken(item.value)
        ? item.value
        : refuse("a token begins with a letter or *, and has no spaces, quotes and separators")
    case "ByteSequence": {
      const { buffer, byteLength, byteOffset } = checked(item.value, item.value instanceof Uint8Array)
      return `:${Buffer.from(buffer, byteOffset, byteLength).toString("base64")}:`
    }
    case "Boolean":
      return checked(item.value, typeof item.value === "boolean") ? "?1" : "?0"
    case "Date":
      return `@${integer(item.value)}`
    case "DisplayString":
      return displayString(checked(item.value, typeof item.value === "string"))
    default:
      return refuse("an item has an unknown type")
  }
}

const key = (name: string): string =>
  typeof name === "string" && isKey(name)
    ? name
    : refuse("a key begins with a lower-case letter or *, and has letters, digits and _-.* only")

const isTrue = (item: BareItem): boolean => item._tag === "Boolean" && item.value === true

const parameters = (values: Parameters): string => {
  let text = ""
  for (const [name, value] of values) text += `;${key(name)}${isTrue(value) ? "" : `=${bareItem(value)}`}`
  return text
}

const item = (self: Item): string => bareItem(self.value) + parameters(self.parameters)

const innerList = (self: InnerList): string => `(${self.items.map(item).join(" ")})${parameters(self.parameters)}`

const member = (self: Member): string => self._tag === "InnerList" ? innerList(self) : item(self)

const entry = ([name, self]: readonly [string, Member]): string =>
  self._tag === "Item" && isTrue(self.value)
    ? key(name) + parameters(self.parameters)
    : `${key(name)}=${member(self)}`

/** Converts what is thrown in this file into a failure. */
const written = (write: () => string): Either.Either<string, FieldValueError> => {
  try {
    return Either.right(write())
  } catch (error) {
    return Either.left(
      new FieldValueError({
        // Anything else was thrown because of an untyped value, such as a list that is not one.
        reason: error instanceof Unwritable ? error.reason : "it is not a value of Structured Fields"
      })
    )
  }
}

/** Writes an item (section 4.1.3). */
export const serializeItem = (self: Item): Either.Either<string, FieldValueError> => written(() => item(self))

/** Writes a list (section 4.1.1). An empty list is an empty text. */
export const serializeList = (self: List): Either.Either<string, FieldValueError> =>
  written(() => self.map(member).join(", "))

/** Writes a dictionary (section 4.1.2). An empty dictionary is an empty text. */
export const serializeDictionary = (self: Dictionary): Either.Either<string, FieldValueError> =>
  // `Array.from` treats anything else, such as a record, as an empty list.
  written(() => Array.from(Predicate.isIterable(self) ? self : refuse("a dictionary is a map"), entry).join(", "))
