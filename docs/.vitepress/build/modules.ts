/** The public modules in the groups of `docs/modules.md`, each with the guide that explains it. */
import * as fs from "node:fs"
import * as path from "node:path"
import { docs } from "./paths.ts"

/** Modules that belong together, under one heading of the navigation. */
export interface ModuleGroup {
  readonly title: string
  readonly modules: ReadonlyArray<string>
}

/** The page that lists the modules. */
export const modulesPage = "modules.md"

export const moduleGroups: ReadonlyArray<ModuleGroup> = fs.readFileSync(path.join(docs, modulesPage), "utf8")
  .split(/^## /m)
  .slice(1)
  .map((section) => ({
    title: section.slice(0, section.indexOf("\n")),
    modules: [...section.matchAll(/^\| `(\w+)`/gm)].map(([, name = ""]) => name)
  }))

export const modules: ReadonlyArray<string> = moduleGroups.flatMap((group) => group.modules)

/** The page below `docs` that explains a module. Of the others the reference says all that there is to say. */
export const guides: Readonly<Record<string, string>> = {
  PooledHttpClient: "migrating.md",
  PlatformRequest: "interim-responses.md",
  ConnectionPool: "pool.md",
  HttpRequest: "migrating.md",
  HttpTimeouts: "timeouts-and-limits.md",
  HttpLimits: "timeouts-and-limits.md",
  HttpLeniency: "timeouts-and-limits.md",
  HttpError: "errors.md",
  HttpRetry: "retries.md",
  Download: "downloads.md",
  CookieJar: "cookies.md",
  Sse: "server-sent-events.md",
  Lines: "server-sent-events.md",
  Interim: "interim-responses.md",
  Upgrade: "upgrade.md",
  Transport: "architecture.md",
  Tls: "tls.md",
  Proxy: "proxies.md",
  ProxyStatus: "proxies.md",
  Resolver: "addresses.md",
  AddressPolicy: "addresses.md",
  Auth: "auth.md",
  Challenge: "auth.md",
  HttpDate: "fields.md",
  RetryAfter: "fields.md",
  Link: "fields.md",
  ContentDisposition: "fields.md",
  StructuredFields: "fields.md",
  ConnectionEvent: "pool.md",
  ConnectionMetrics: "pool.md",
  TestTransport: "testing.md",
  Cassette: "cassettes.md"
}
