/**
 * The channel that a client holds: invented addresses, and calls that are forwarded to the player
 * of its connection.
 *
 * Plays nothing.
 */
import type * as Tls from "../../Tls.ts"
import type * as Transport from "../../Transport.ts"
import type { Player } from "./player.ts"

export const tlsInfo = (tls: Tls.Options): Tls.Info => ({
  version: "TLSv1.3",
  cipher: "TLS_AES_128_GCM_SHA256",
  alpn: tls.alpn === undefined ? "http/1.1" : tls.alpn[0],
  verified: tls.verify !== false,
  resumed: false
})

export const makeInfo = (endpoint: Transport.Endpoint, index: number, connect: number): Transport.DuplexInfo => {
  const tcp = endpoint.socketPath === undefined
  return {
    localAddress: tcp ? endpoint.localAddress ?? "127.0.0.1" : undefined,
    localPort: tcp ? endpoint.localPort || 50_000 + index : undefined,
    remoteAddress: tcp ? endpoint.host : undefined,
    remotePort: tcp ? endpoint.port : undefined,
    tls: endpoint.tls === undefined ? undefined : tlsInfo(endpoint.tls),
    timings: { dns: undefined, connect, tls: endpoint.tls === undefined ? undefined : 0 }
  }
}

/**
 * A channel to a player. `secure()` replaces it with another, and this one must not be used
 * afterwards.
 */
export class ScriptedDuplex implements Transport.Duplex {
  readonly info: Transport.DuplexInfo
  readonly index: number
  readonly player: Player
  private replaced = false

  constructor(info: Transport.DuplexInfo, index: number, player: Player) {
    this.info = info
    this.index = index
    this.player = player
  }

  get endProven(): boolean | undefined {
    return this.info.tls === undefined ? undefined : this.player.endProven
  }

  write(bytes: Uint8Array | string, more?: Uint8Array): boolean {
    if (!this.replaced) return this.player.write(bytes, more)
    this.player.misuse("wrote to a channel that it had given to secure()")
    return false
  }
  drained(callback: () => void): void {
    if (!this.replaced) this.player.drained(callback)
  }
  attach(receiver: Transport.Receiver): void {
    if (!this.replaced) this.player.attach(receiver)
  }
  resume(): void {
    if (!this.replaced) this.player.resume()
  }
  end(): void {
    if (!this.replaced) this.player.end()
  }
  destroy(): void {
    this.player.destroy()
  }
  ref(): void {
    if (!this.replaced) this.player.referenced = true
  }
  unref(): void {
    if (!this.replaced) this.player.referenced = false
  }
  replace(info: Transport.DuplexInfo): ScriptedDuplex {
    this.replaced = true
    return new ScriptedDuplex(info, this.index, this.player)
  }
}
