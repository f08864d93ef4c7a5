/**
 * `idle.mjs URL`: a program that never closes its pool. It must end by itself as soon as it has nothing to do, although
 * connections are idle, and others are kept warm.
 */
import { HttpClient } from "@effect/platform"
import { Effect, ManagedRuntime } from "effect"
import { PooledHttpClient } from "effect-http-client"

const url = `${process.argv[2]}`
const runtime = ManagedRuntime.make(PooledHttpClient.layerWith({ warm: [{ origin: url, minIdle: 2 }] }))
console.log(await runtime.runPromise(Effect.flatMap(HttpClient.get(`${url}/hello`), (response) => response.text)))
