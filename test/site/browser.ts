/** One page of a real browser that cannot reach anything but the site, and remembers all that goes wrong in it. */
import * as fs from "node:fs"
import type { Page } from "playwright-core"
import { chromium } from "playwright-core"

/** A page, what went wrong in it since the last look, and its end. */
export interface SitePage {
  readonly page: Page
  /** The faults since the last call: errors of the console, of scripts, of requests, and requests to other hosts. */
  readonly faults: () => ReadonlyArray<string>
  readonly close: () => Promise<void>
}

const executable = (): string => {
  const found = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(fs.existsSync)
  if (found === undefined) throw new Error("There is no browser: install Debian's package chromium")
  return found
}

export const openPage = async (base: string): Promise<SitePage> => {
  const browser = await chromium.launch({
    executablePath: executable(),
    args: ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
  })
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
  const faults: Array<string> = []
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") faults.push(`console: ${message.text()}`)
  })
  page.on("pageerror", (error) => faults.push(`script: ${error.message}`))
  page.on("requestfailed", (request) => {
    const { errorText = "" } = request.failure() ?? {}
    // A page that is left aborts what it was still loading.
    if (errorText !== "net::ERR_ABORTED") faults.push(`request: ${request.url()} ${errorText}`)
  })
  page.on("response", (response) => {
    if (response.status() >= 400) faults.push(`response: ${response.status()} ${response.url()}`)
  })
  await page.route((url) => url.origin !== base && url.protocol.startsWith("http"), (route) => {
    faults.push(`another host: ${route.request().url()}`)
    return route.abort()
  })
  return { page, faults: () => faults.splice(0), close: () => browser.close() }
}
