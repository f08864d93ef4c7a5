/** Serves the built site as static files on 127.0.0.1. */
import * as fs from "node:fs"
import * as http from "node:http"
import * as path from "node:path"
import { fileURLToPath } from "node:url"

/** The folder that `npm run docs` writes. */
export const folder = fileURLToPath(new URL("../../site/", import.meta.url))

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2"
}

const answer: http.RequestListener = (request, response) => {
  const { pathname } = new URL(request.url ?? "/", "http://site")
  const file = path.join(folder, decodeURIComponent(pathname.endsWith("/") ? `${pathname}index.html` : pathname))
  if (!file.startsWith(folder) || !fs.existsSync(file) || !fs.statSync(file).isFile()) {
    response.writeHead(404).end()
    return
  }
  response.writeHead(200, { "content-type": types[path.extname(file)] ?? "application/octet-stream" })
  fs.createReadStream(file).pipe(response)
}

/** A server of the site: where it is, and how it ends. */
export interface SiteServer {
  readonly url: string
  readonly close: () => Promise<void>
}

export const serve = (): Promise<SiteServer> =>
  new Promise((resolve, reject) => {
    const server = http.createServer(answer)
    server.once("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      if (address === null || typeof address === "string") return reject(new Error("The server has no port"))
      resolve({
        url: `http://127.0.0.1:${address.port}`,
        close: () =>
          new Promise((closed) => {
            server.close(() => closed())
            server.closeAllConnections()
          })
      })
    })
  })

/** Every page of the site, by its path, as it is linked. */
export const pages = (): ReadonlyArray<string> =>
  (fs.existsSync(folder) ? fs.readdirSync(folder, { recursive: true, encoding: "utf8" }) : [])
    .map((file) => file.replaceAll(path.sep, "/"))
    .filter((file) => file.endsWith(".html") && file !== "404.html")
    .map((file) => `/${file.replace(/(^|\/)index\.html$/, "$1")}`)
    .toSorted()

const pageFile = (page: string): string => path.join(folder, page.endsWith("/") ? `${page}index.html` : page)

/** What is wrong with a link to a page of the site: `undefined` if the page has it, and the anchor. */
export const linkFault = (url: URL): string | undefined => {
  const file = pageFile(decodeURIComponent(url.pathname))
  if (!fs.existsSync(file)) return `${url.pathname} is no page`
  const anchor = decodeURIComponent(url.hash.slice(1))
  if (anchor === "" || anchor === "VPContent") return undefined
  return fs.readFileSync(file, "utf8").includes(`id="${anchor}"`) ? undefined : `${url.pathname} has no #${anchor}`
}
