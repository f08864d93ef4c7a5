/** What each module exports, and at which anchor of the reference it is found. Written with the reference, read by the markdown rules. */
import * as fs from "node:fs"
import * as path from "node:path"
import { reference } from "./paths.ts"

/** The anchors of the exports of each module, by name. */
export type Names = Readonly<Record<string, Readonly<Record<string, string>>>>

const file = path.join(reference, "names.json")

export const writeNames = (names: Names): void => fs.writeFileSync(file, JSON.stringify(names))

export const readNames = (): Names => JSON.parse(fs.readFileSync(file, "utf8")) as Names
