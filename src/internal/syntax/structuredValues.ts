/**
 * Creates the values of Structured Fields. A value that cannot be written fails when it is written.
 */
import * as Predicate from "effect/Predicate"
import type { InnerList, Item, Parameters } from "./structuredFields.ts"
import type { BareItem } from "./structuredItems.ts"

/** The accepted forms of a bare item. */
export type BareInput = BareItem | string | number | boolean | Uint8Array

/** The accepted forms of parameters. */
export type ParametersInput =
  | Iterable<readonly [key: string, value: BareInput]>
  | Readonly<Record<string, BareInput>>

export const integer = (value: number): BareItem => ({ _tag: "Integer", value })
export const decimal = (value: number): BareItem => ({ _tag: "Decimal", value })
export const string = (value: string): BareItem => ({ _tag: "String", value })
export const token = (value: string): BareItem => ({ _tag: "Token", value })
export const byteSequence = (value: Uint8Array): BareItem => ({ _tag: "ByteSequence", value })
export const boolean = (value: boolean): BareItem => ({ _tag: "Boolean", value })
export const displayString = (value: string): BareItem => ({ _tag: "DisplayString", value })

export const date = (value: number | Date): BareItem => ({
  _tag: "Date",
  value: value instanceof Date ? Math.floor(value.getTime() / 1000) : value
})

const bare = (input: BareInput): BareItem => {
  switch (typeof input) {
    case "string":
      return string(input)
    case "number":
      return Number.isInteger(input) ? integer(input) : decimal(input)
    case "boolean":
      return boolean(input)
    default:
      return input instanceof Uint8Array ? byteSequence(input) : input
  }
}

const parametersOf = (input: ParametersInput): Parameters => {
  const entries: Iterable<readonly [string, BareInput]> = Predicate.isIterable(input)
    ? input as Iterable<readonly [string, BareInput]>
    : Object.entries(input)
  return new Map(Array.from(entries, ([key, value]) => [key, bare(value)]))
}

export const item = (value: BareInput, parameters: ParametersInput = []): Item => ({
  _tag: "Item",
  value: bare(value),
  parameters: parametersOf(parameters)
})

const isItem = (input: Item | BareInput): input is Item =>
  Predicate.isObject(input) && "_tag" in input && input._tag === "Item"

export const innerList = (items: ReadonlyArray<Item | BareInput>, parameters: ParametersInput = []): InnerList => ({
  _tag: "InnerList",
  items: items.map((input) => isItem(input) ? input : item(input)),
  parameters: parametersOf(parameters)
})
