/** nginx for the benchmarks: one process on free ports, with everything it reads and writes in a directory that goes with it. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { accessSync, constants } from "node:fs"
import { mkdir, mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises"
import * as net from "node:net"
import { tmpdir } from "node:os"
import { delimiter, dirname, join } from "node:path"
import type { Identity } from "../../fixtures/certificates.ts"
import { smallJson } from "./addresses.ts"
import { files, manyFields, smallFields } from "./replies.ts"

export interface Nginx {
  readonly plain: string
  readonly secure: string
  /** `nginx/1.22.1`. */
  readonly version: string
  readonly stop: () => Promise<void>
}

export const find = (program: string): string | undefined =>
  [...(process.env["PATH"] ?? "").split(delimiter), "/usr/local/sbin", "/usr/sbin"]
    .filter((directory) => directory !== "")
    .map((directory) => join(directory, program))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK)
        return true
      } catch {
        return false
      }
    })

const replyOf = (fields: typeof smallFields): string =>
  `default_type application/json; ${
    fields.map(([name, value]) => `add_header ${name} "${value}";`).join(" ")
  } return 200 '${smallJson}';`

// One process, so that it runs as whoever started it and none is left behind when that one is killed.
const configuration = (plain: number, secure: number): string => `
master_process off;
error_log error.log;
pid nginx.pid;
events { worker_connections 20000; multi_accept on; }
http {
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  default_type application/octet-stream;
  root html;
  sendfile on;
  open_file_cache max=100 inactive=1h;
  open_file_cache_valid 1h;
  keepalive_requests 1000000000;
  keepalive_timeout 3600s;
  ssl_protocols TLSv1.3;
  ssl_certificate cert.pem;
  ssl_certificate_key key.pem;

  server {
    listen 127.0.0.1:${plain} backlog=4096;
    listen 127.0.0.1:${secure} ssl backlog=4096;
    location = /small { ${replyOf(smallFields)} }
    location = /fields { ${replyOf(manyFields)} }
  }
}
`

/** A port of 127.0.0.1 that was free a moment ago. */
export const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = net.createServer().listen({ host: "127.0.0.1", port: 0 }, () => {
      const address = server.address()
      const port = address !== null && typeof address === "object" ? address.port : 0
      server.close(() => resolve(port))
    })
  })

/** True if a server takes connections. */
export const canConnect = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = net.connect({ host: "127.0.0.1", port })
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false))
    socket.once("close", () => socket.removeAllListeners()).once("connect", () => socket.destroy())
  })

/** Whether it takes connections; false where it has ended by itself, because somebody took a port before it. */
const listens = async (running: ChildProcess, port: number): Promise<boolean> => {
  while (running.exitCode === null && running.signalCode === null) {
    if (await canConnect(port)) return true
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  return false
}

const ended = (running: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    if (running.exitCode !== null || running.signalCode !== null) return resolve()
    running.once("exit", () => resolve())
    running.kill("SIGKILL")
  })

/** Writes what it serves. Large files are letters at their start and a hole from there on: they take no space, and come from memory. */
const prepare = async (prefix: string, identity: Identity): Promise<void> => {
  for (const [path, size] of files) {
    const name = join(prefix, "html", path)
    await mkdir(dirname(name), { recursive: true })
    await writeFile(name, "abcdefghijklmnop".repeat(Math.min(size, 1024 * 1024) / 16))
    const file = await open(name, "r+")
    await file.truncate(size)
    await file.close()
  }
  await writeFile(join(prefix, "cert.pem"), identity.cert)
  await writeFile(join(prefix, "key.pem"), identity.key, { mode: 0o600 })
}

/** Starts nginx where it is installed. Must be stopped before this process ends. */
export const startNginx = async (identity: Identity): Promise<Nginx | undefined> => {
  const path = find("nginx")
  if (path === undefined) return undefined
  const prefix = await mkdtemp(join(tmpdir(), "effect-http-client-bench-"))
  const tidy = (): Promise<void> => rm(prefix, { recursive: true, force: true })
  await prepare(prefix, identity)
  // It writes its version to stderr.
  const version = execFileSync("/bin/sh", ["-c", `"$0" -v 2>&1`, path], { encoding: "latin1" })
  for (let attempt = 0; attempt < 3; attempt++) {
    const [plain, secure] = [await freePort(), await freePort()]
    await writeFile(join(prefix, "nginx.conf"), configuration(plain, secure))
    const running = spawn(path, ["-p", prefix, "-e", "error.log", "-c", "nginx.conf", "-g", "daemon off;"], {
      stdio: "ignore"
    })
    const kill = (): void => void running.kill("SIGKILL")
    process.once("exit", kill)
    if (await listens(running, plain)) {
      return {
        plain: `http://127.0.0.1:${plain}`,
        secure: `https://localhost:${secure}`,
        version: /nginx\/[\d.]+/.exec(version)?.[0] ?? "nginx",
        stop: async () => {
          await ended(running)
          await tidy()
        }
      }
    }
    process.off("exit", kill)
  }
  const errors = await readFile(join(prefix, "error.log"), "latin1").catch(() => "")
  await tidy()
  throw new Error(`nginx did not start: ${errors}`)
}
