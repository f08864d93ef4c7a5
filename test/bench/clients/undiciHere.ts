/** The undici that is measured on this Node: 7 on Node 20, 8 on Node 24. What is used of them has the same types in both. */
import type * as Undici from "undici"
import { undiciOn } from "../nodes.ts"

/** The name to import it by. */
export const undiciName = undiciOn(process.versions.node)

const { Agent, Pool, request } = (await import(undiciName)) as typeof Undici

export { Agent, Pool, request }
