/** Results for the tests of the report and of the targets: nothing of them was measured. */
import type { Environment, Measured, Result } from "./report/results.ts"

export const environment: Environment = {
  cpu: "Some CPU",
  cores: 2,
  memory: "8.0 GiB",
  system: "Linux 6.1 x64",
  node: "20.19.0",
  server: "nginx/1.22.1",
  versions: { "effect-http-client": "0.1.0 (abc)", undici: "7.0.0" }
}

const measured =
  (side: Measured["side"], cpu: number) => (name: string, ...values: ReadonlyArray<number>): Measured => ({
    name,
    side,
    values,
    cpu: [cpu],
    p50: [],
    p99: []
  })
export const ours = measured("ours", 10)
export const peer = measured("peer", 20)
export const limit = measured("limit", 5)

export const resultOf = (contenders: ReadonlyArray<Measured>, change: Partial<Result> = {}): Result => ({
  title: "Small GET",
  about: "A small GET.",
  unit: { label: "requests/s", better: "more", per: "request" },
  growth: false,
  date: "2025-01-02T03:04:05.678Z",
  rounds: 3,
  millis: 1000,
  fresh: false,
  environment,
  contenders,
  ...change
})

export const micros = { label: "µs", better: "less", per: undefined } as const

export const small = resultOf([
  ours("ConnectionPool.execute", 30_000, 28_000, 29_000),
  peer("undici Pool.request", 20_000, 19_000, 21_000),
  peer("axios", 3000, 2000, 4000),
  limit("bare sockets", 60_000, 50_000, 58_000)
])
