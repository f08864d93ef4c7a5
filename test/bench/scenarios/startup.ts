/**
 * What a client costs a process that has just begun: how long its import takes, and how long until it has its first response. Commands,
 * tests and functions that are started for each request pay it every time.
 */
import { contender, effectImports, importScript, responseScript } from "../clients/startup.ts"
import { undiciOn } from "../nodes.ts"
import type { Contender, Scenario } from "../scenario.ts"
import { smallJson } from "../servers/addresses.ts"

const milliseconds = { label: "ms", better: "less", per: undefined } as const

const imports = (name: string, ...modules: ReadonlyArray<string>): Contender =>
  contender(name, "peer", () => importScript(modules))

const importing: Scenario = {
  name: "import",
  title: "Import",
  about:
    "The time of `import(\"effect-http-client\")` in a new process that has imported the modules of `effect` and `@effect/platform` before, because programs of Effect have them. Also the same with those modules, and the other clients, each from nothing. Node's own modules count for the client that imports them first.",
  unit: milliseconds,
  rounds: 11,
  contenders: [
    contender("effect-http-client", "ours", async () => importScript(["effect-http-client"], await effectImports())),
    contender("effect-http-client, with effect", "ours", () => importScript(["effect-http-client"])),
    imports("undici", undiciOn(process.versions.node)),
    imports("axios", "axios"),
    imports("got", "got"),
    imports("platform undici", "@effect/platform-node/NodeHttpClient")
  ]
}

/** A script over the platform's `HttpClient` and the layer of that name in a module. */
const ofPlatform = (module: string, layer: string): string => `
const Effect = await import("effect/Effect")
const HttpClient = await import("@effect/platform/HttpClient")
const { ${layer} } = await import(${JSON.stringify(module)})
return await new Promise((resolve, reject) => {
  HttpClient.get(url).pipe(
    Effect.flatMap((response) => response.text),
    Effect.map(resolve),
    Effect.provide(${layer}),
    Effect.runPromise
  ).catch(reject)
})`

const gets = (name: string, side: Contender["side"], body: string): Contender =>
  contender(name, side, ({ addresses }) => responseScript(`${addresses.plain}/small`, smallJson.length, body))

const firstResponse: Scenario = {
  name: "first-response",
  title: "First response",
  about:
    "The time from the first line of the program in a new process, before any import, until it has the text of a small response.",
  unit: milliseconds,
  rounds: 11,
  contenders: [
    gets("PooledHttpClient", "ours", ofPlatform("effect-http-client/PooledHttpClient", "layer")),
    gets(
      "undici request",
      "peer",
      `const { request } = await import("${undiciOn(process.versions.node)}"); return (await request(url)).body.text()`
    ),
    gets("fetch", "peer", "return (await fetch(url)).text()"),
    gets(
      "node:http",
      "peer",
      `
const http = await import("node:http")
return await new Promise((resolve, reject) => {
  http.get(url, (response) => {
    let text = ""
    response.setEncoding("utf8").on("data", (piece) => { text += piece }).on("end", () => resolve(text))
  }).on("error", reject)
})`
    ),
    gets(
      "axios",
      "peer",
      `const { default: axios } = await import("axios"); return (await axios.get(url, { responseType: "text" })).data`
    ),
    gets("got", "peer", `const { default: got } = await import("got"); return await got(url).text()`),
    gets("platform undici", "peer", ofPlatform("@effect/platform-node/NodeHttpClient", "layerUndici"))
  ]
}

export const scenarios: ReadonlyArray<Scenario> = [importing, firstResponse]
