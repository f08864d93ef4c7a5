/**
 * Whether this is Deno, whose `node:` modules differ from Node's in some ways. See
 * `docs/runtimes.md`.
 */

/** True in Deno. */
export const isDeno: boolean = "deno" in process.versions
