/**
 * A channel as a Duplex of Node, for libraries that need one.
 *
 * No code of such a library runs within a callback of the socket, which would have to handle what
 * it throws. Received bytes are pushed in the next tick, and a delayed write ends in the next tick.
 * Both run in the async context in which the duplex was made. `node:stream` is an argument, so that
 * it is loaded only for a program that asks for a duplex.
 */
import type * as nodeStream from "node:stream"

/** The channel, as a duplex uses it. */
export interface RawChannel {
  /** Takes the pieces that have arrived. */
  takePieces(): ReadonlyArray<Uint8Array>
  /** True once all bytes have been taken and no more can arrive. */
  readonly isEnded: boolean
  /** The reason why the channel was closed, unless both sides had finished. */
  readonly error: Error | undefined
  /** True if this process has closed it, so that its user knows. */
  readonly isClosedHere: boolean
  /** Calls back once, when bytes are available or no more can arrive. */
  whenReadable(callback: () => void): void
  send(bytes: Uint8Array): boolean
  whenWritten(callback: () => void): void
  whenClosed(callback: () => void): void
  finishSending(): void
  close(): void
  /** Runs a function in the async context of the caller that asked for the channel. */
  run(f: () => void): void
}

/** The bytes that a duplex buffers in each direction before it asks to wait. */
const highWaterMark = 65_536

/**
 * Creates the duplex of a channel, which nothing else may use. Only the class is in the type,
 * because that of the whole module depends on `esModuleInterop`, which the API reference sets
 * differently.
 */
export const makeDuplex = (
  { Duplex }: Pick<typeof nodeStream, "Duplex">,
  channel: RawChannel
): nodeStream.Duplex => {
  let isWaiting = false
  const later = (f: () => void): void => channel.run(() => process.nextTick(f))

  const pump = (): void => {
    if (duplex.destroyed) return
    const pieces = channel.takePieces()
    for (const piece of pieces) duplex.push(Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength))
    if (pieces.length > 0) return
    if (channel.error !== undefined) closed()
    else if (channel.isEnded) duplex.push(null)
    else if (!isWaiting) {
      isWaiting = true
      channel.whenReadable(() =>
        later(() => {
          isWaiting = false
          pump()
        })
      )
    }
  }

  // If this process has closed the channel, that is not an error of the duplex.
  const closed = (): void => {
    duplex.destroy(channel.isClosedHere ? undefined : channel.error)
  }

  // A write that fails would be an error of the duplex too, unless the duplex is destroyed already.
  const sent = (done: (error?: Error | null) => void): void => {
    if (channel.isClosedHere) closed()
    done(channel.error)
  }

  const whenSent = (done: (error?: Error | null) => void): void => {
    channel.whenWritten(() => later(() => sent(done)))
  }

  const duplex: nodeStream.Duplex = new Duplex({
    highWaterMark,
    allowHalfOpen: true,
    read: pump,
    write(bytes: Uint8Array, _encoding, done) {
      if (channel.send(bytes)) sent(done)
      else whenSent(done)
    },
    writev(chunks, done) {
      let isTaken = true
      for (const { chunk } of chunks) isTaken = channel.send(chunk as Uint8Array)
      if (isTaken) sent(done)
      else whenSent(done)
    },
    final(done) {
      channel.finishSending()
      whenSent(done)
    },
    destroy(error, done) {
      channel.close()
      done(error)
    }
  })
  channel.whenClosed(() =>
    later(() => {
      // What arrived before a failure is delivered before it.
      if (!duplex.destroyed && channel.error !== undefined && (channel.isClosedHere || channel.isEnded)) closed()
    })
  )
  return duplex
}
