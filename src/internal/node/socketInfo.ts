/** The facts about an open socket. Plain data, and small, because every open socket keeps it. */
import type * as net from "node:net"
import type * as Tls from "../../Tls.ts"
import type { DuplexInfo } from "../../Transport.ts"

type Addresses = Pick<DuplexInfo, "localAddress" | "localPort" | "remoteAddress" | "remotePort">

// Many connections share the local address, and often the remote one. Node makes separate strings
// for each of them.
let lastLocal: string | undefined
let lastRemote: string | undefined

/** Returns the addresses of a socket, which must be open. */
export const addressesOf = ({ localAddress, localPort, remoteAddress, remotePort }: net.Socket): Addresses => {
  if (localAddress !== lastLocal) lastLocal = localAddress
  if (remoteAddress !== lastRemote) lastRemote = remoteAddress
  return { localAddress: lastLocal, localPort, remoteAddress: lastRemote, remotePort }
}

/**
 * A class, because V8 gives a record made by spreading a separate hidden class, which takes more
 * memory than its content.
 */
export class SocketInfo implements DuplexInfo {
  readonly localAddress: string | undefined
  readonly localPort: number | undefined
  readonly remoteAddress: string | undefined
  readonly remotePort: number | undefined
  readonly tls: Tls.Info | undefined
  readonly timings: DuplexInfo["timings"]

  constructor(
    { localAddress, localPort, remoteAddress, remotePort }: Addresses,
    tls: Tls.Info | undefined,
    timings: DuplexInfo["timings"]
  ) {
    this.localAddress = localAddress
    this.localPort = localPort
    this.remoteAddress = remoteAddress
    this.remotePort = remotePort
    this.tls = tls
    this.timings = timings
  }
}
