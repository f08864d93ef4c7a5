/** What this library must know of Deno, where its modules of Node differ from Node's. See docs/runtimes.md. */

/** True in Deno. */
export const isDeno: boolean = "deno" in process.versions
