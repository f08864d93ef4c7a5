/** Scenarios of responses in chunks: large ones, as stream and into memory, and very many tiny ones. */
import { contenders, quadratic } from "../clients/transfers/all.ts"
import type { Transfer } from "../clients/transfers/transfer.ts"
import type { Scenario, Setting, Unit } from "../scenario.ts"

const unit: Unit = { label: "MB/s", better: "more", per: "MB" }

/** Bytes on the wire of so many chunks of a size, the last one included. */
const wireSizeOf = (count: number, size: number): number =>
  count * (size.toString(16).length + 2 + size + 2) + "0\r\n\r\n".length

const download = ({ addresses, smoke }: Setting): Transfer => {
  const size = (smoke ? 16 : 256) * 1024 * 1024
  const chunk = 64 * 1024
  return {
    url: `${addresses.own}/chunked/${smoke ? "16m" : "256m"}`,
    size,
    wireSize: wireSizeOf(size / chunk, chunk),
    units: size / 1e6,
    ca: undefined
  }
}

const tiny = ({ addresses }: Setting): Transfer => ({
  url: `${addresses.own}/tiny`,
  size: 100_000,
  wireSize: wireSizeOf(10_000, 10),
  units: 10_000,
  ca: undefined
})

export const scenarios: ReadonlyArray<Scenario> = [
  {
    name: "download-stream-chunked",
    title: "Download of 256 MiB in chunks as a stream",
    about:
      "`GET` of a body in chunks of 64 KiB over one connection; the pieces of the body are counted as they arrive.",
    unit,
    contenders: contenders("stream", download)
  },
  {
    name: "download-memory-chunked",
    title: "Download of 256 MiB in chunks into memory",
    about: "`GET` of a body in chunks of 64 KiB over one connection; the body is returned as one piece of memory. The "
      + "platform's layer over `node:http` is left out, because it copies everything for each piece that arrives, which takes minutes.",
    unit,
    contenders: contenders("memory", download, quadratic)
  },
  {
    name: "tiny-chunks",
    title: "10,000 tiny chunks",
    about: "`GET` of a body in 10,000 chunks of 10 bytes, many to a packet, over one connection, read as a stream.",
    unit: { label: "chunks/s", better: "more", per: "chunk" },
    contenders: contenders("stream", tiny)
  }
]
