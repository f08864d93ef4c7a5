/** How undici's `Pool` and `Agent` are made, of both versions and for all clients that are built on them. */
import type { Load } from "./load.ts"

/**
 * Documented settings only; one request at a time on a connection, as with all others. Connections are kept for a minute, so that none is
 * closed between two runs.
 */
export const agentOptions = ({ ca, connections }: Load) => ({
  connections,
  pipelining: 1,
  keepAliveTimeout: 60_000,
  connect: ca === undefined ? {} : { ca }
})
