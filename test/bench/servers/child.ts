/**
 * The process that the servers of the benchmarks run in: ours, and nginx below it where it is installed.
 *
 * It ends with the channel to its parent, and takes nginx and its files with it: no signal is needed, so that nothing stays behind
 * where the parent was killed.
 */
import { certificates } from "../../fixtures/certificates.ts"
import type { Addresses } from "./addresses.ts"
import { startNginx } from "./nginx.ts"
import { servePlain, serveSecure } from "./own.ts"
import type { Started } from "./start.ts"

// Ctrl-C goes to the whole group: the parent ends by it, and this process by the parent, when it has tidied up.
process.on("SIGINT", () => {})
process.on("SIGTERM", () => {})

const { ca, server } = await certificates()
const manyPort = await servePlain()
const own = `http://127.0.0.1:${manyPort}`
const nginx = await startNginx(server)

const end = async (): Promise<void> => {
  await nginx?.stop()
  process.exit()
}
process.once("disconnect", () => void end())

const addresses: Addresses = nginx === undefined
  ? {
    plain: own,
    secure: `https://localhost:${await serveSecure(server)}`,
    own,
    manyPort,
    ca,
    server: `our own, Node ${process.versions.node}`
  }
  : { plain: nginx.plain, secure: nginx.secure, own, manyPort, ca, server: nginx.version }

if (process.connected) process.send?.({ addresses } satisfies Started)
else await end()
