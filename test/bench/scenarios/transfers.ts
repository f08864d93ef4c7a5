/** Scenarios of big transfers whose length is known: downloads, plain and over TLS, and uploads. */
import { contenders, quadratic } from "../clients/transfers/all.ts"
import type { Transfer } from "../clients/transfers/transfer.ts"
import type { Scenario, Setting, Unit } from "../scenario.ts"
import type { Addresses } from "../servers/addresses.ts"

const unit: Unit = { label: "MB/s", better: "more", per: "MB" }

const sizeOf = ({ smoke }: Setting): number => (smoke ? 16 : 256) * 1024 * 1024

const transfer = (setting: Setting, url: string, ca?: string): Transfer => {
  const size = sizeOf(setting)
  return { url, size, wireSize: size, units: size / 1e6, ca }
}

const fileOf = (setting: Setting, server: keyof Addresses): string =>
  `${setting.addresses[server]}/${setting.smoke ? "16m" : "256m"}`

const download = (setting: Setting): Transfer => transfer(setting, fileOf(setting, "plain"))

export const scenarios: ReadonlyArray<Scenario> = [
  {
    name: "download-stream",
    title: "Download of 256 MiB as a stream",
    about:
      "`GET` of a file with Content-Length over one connection; the pieces of the body are counted as they arrive.",
    unit,
    contenders: contenders("stream", download)
  },
  {
    name: "download-memory",
    title: "Download of 256 MiB into memory",
    about: "`GET` of a file with Content-Length over one connection; the body is returned as one piece of memory. The "
      + "platform's layer over `node:http` is left out, because it copies everything for each piece that arrives, which takes minutes.",
    unit,
    contenders: contenders("memory", download, quadratic)
  },
  {
    name: "upload",
    title: "Upload of 256 MiB from a stream",
    about:
      "`PUT` with Content-Length over one connection, from a generator of pieces of 64 KiB behind each client's own kind of stream, one piece at a time. The server counts the bytes and returns their number.",
    unit,
    contenders: contenders("upload", (setting) => transfer(setting, `${setting.addresses.own}/upload`))
  },
  {
    name: "tls-download",
    title: "Download of 256 MiB over TLS as a stream",
    about: "`GET` of a file with Content-Length over one connection with TLS 1.3; the pieces of the body are counted.",
    unit,
    contenders: contenders("stream", (setting) => transfer(setting, fileOf(setting, "secure"), setting.addresses.ca))
  }
]
