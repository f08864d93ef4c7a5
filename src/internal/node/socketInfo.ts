/**
 * What is known of a socket that is open. Plain data; a socket keeps it for as long as it is open,
 * so it is kept small.
 */
import type * as net from "node:net"
import type * as Tls from "../../Tls.ts"
import type { DuplexInfo } from "../../Transport.ts"

type Addresses = Pick<DuplexInfo, "localAddress" | "localPort" | "remoteAddress" | "remotePort">

// Many connections have one address at their end here, and often one at the other: each would have
// a string of its own.
let lastLocal: string | undefined
let lastRemote: string | undefined

/** To be asked while the socket is open. */
export const addressesOf = ({ localAddress, localPort, remoteAddress, remotePort }: net.Socket): Addresses => {
  if (localAddress !== lastLocal) lastLocal = localAddress
  if (remoteAddress !== lastRemote) lastRemote = remoteAddress
  return { localAddress: lastLocal, localPort, remoteAddress: lastRemote, remotePort }
}

/**
 * A class, because a record made by spreading has a hidden class of its own, which takes more
 * memory than what is in it.
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
