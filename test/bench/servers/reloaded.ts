/**
 * nginx and haproxy that are reloaded gracefully, again and again, each as a process group with a directory.
 *
 * A shell leads the group: it starts the server, sends it the signal for a reload, and kills the whole group at the end
 * of its input. That end comes however the process at the other end of the pipe ends, so no server outlives it. The
 * shell also sets the time of the reloads: a timer in the process of the clients would fire at a fixed place of their
 * event loop, and every reload would meet their requests in the same state.
 */
import { execFileSync, spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { canConnect, find, freePort } from "./nginx.ts"

/** A running server. */
export interface Reloaded {
  /**
   * Answers every POST to `/?n=N` with `N P`, where P is the id of the process that answers: each reload makes a new
   * one.
   */
  readonly url: string
  /** `nginx/1.22.1`. */
  readonly version: string
  /** How many reloads have been asked for. */
  readonly reloads: () => number
  readonly stop: () => Promise<void>
}

export const names = ["nginx", "haproxy"] as const

export type Name = typeof names[number]

interface Program {
  readonly signal: "HUP" | "USR2"
  readonly args: ReadonlyArray<string>
  readonly configuration: (port: number) => string
}

/**
 * A process that is to end closes its idle connections at once, and the others behind their response. The limits for
 * that are never reached.
 */
const programs: { readonly [N in Name]: Program } = {
  nginx: {
    signal: "HUP",
    args: ["-p", ".", "-e", "error.log", "-c", "configuration", "-g", "daemon off;"],
    // `return` reads the body of the request before the connection is used again.
    configuration: (port) => `
worker_processes 1;
worker_shutdown_timeout 10s;
${process.getuid?.() === 0 ? "user root;" : ""}
error_log error.log;
pid nginx.pid;
events {}
http {
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  default_type text/plain;
  keepalive_requests 1000000000;
  keepalive_timeout 60s;
  server {
    listen 127.0.0.1:${port};
    location / { return 200 "$arg_n $pid"; }
  }
}
`
  },
  haproxy: {
    signal: "USR2",
    args: ["-W", "-f", "configuration"],
    // Without the socket a reload would bind the port a second time, and lose the connections that the old process has
    // not accepted yet.
    configuration: (port) => `
global
  nbthread 1
  hard-stop-after 10s
  stats socket unix@haproxy.sock level admin expose-fd listeners
defaults
  mode http
  timeout connect 10s
  timeout client 60s
  timeout server 60s
  timeout http-keep-alive 60s
frontend posts
  bind 127.0.0.1:${port}
  http-request wait-for-body time 10s
  http-request return status 200 content-type text/plain lf-string "%[url_param(n)] %pid"
`
  }
}

/** Its arguments: the signal, and the command. It starts to reload at the first line of input. */
const leader = `
signal=$1; shift
"$@" >output 2>&1 &
server=$!
read start || kill -KILL 0
(while sleep 0.25; do kill -$signal $server || exit; echo; done) &
read end
kill -KILL 0
`

/** Whether it takes connections within five seconds. */
const listens = async (port: number): Promise<boolean> => {
  for (let attempt = 0; attempt < 250; attempt++) {
    if (await canConnect(port)) return true
    await sleep(20)
  }
  return false
}

const contents = (path: string): string => {
  try {
    return readFileSync(path, "latin1")
  } catch {
    return ""
  }
}

/** Starts a server, which is reloaded four times a second from then on. Fails if it is not installed. */
export const start = async (name: Name): Promise<Reloaded> => {
  const path = find(name)
  if (path === undefined) throw new Error(`${name} is not installed: neither the path nor /usr/sbin has it`)
  const { args, configuration, signal } = programs[name]
  const directory = mkdtempSync(join(tmpdir(), "effect-http-client-reloads-"))
  const tidy = (): void => rmSync(directory, { recursive: true, force: true })
  process.once("exit", tidy)
  const port = await freePort()
  writeFileSync(join(directory, "configuration"), configuration(port))
  const running = spawn("/bin/sh", ["-c", leader, "sh", signal, path, ...args], {
    cwd: directory,
    // A group, so that one signal reaches the server and all that it has started.
    detached: true,
    stdio: ["pipe", "pipe", "ignore"]
  })
  const ended = new Promise<void>((resolve) => running.once("exit", () => resolve()).once("error", () => resolve()))
  let reloads = 0
  running.stdout.on("data", (lines: Buffer) => {
    reloads += lines.length
  })
  running.stdin.on("error", () => {})
  const stop = async (): Promise<void> => {
    running.stdin.end()
    await ended
    tidy()
    process.off("exit", tidy)
  }
  if (!(await listens(port))) {
    const written = contents(join(directory, "output")) + contents(join(directory, "error.log"))
    await stop()
    throw new Error(`${name} did not start: ${written}`)
  }
  running.stdin.write("\n")
  // nginx writes its version to stderr.
  const version = execFileSync("/bin/sh", ["-c", `"$0" -v 2>&1`, path], { encoding: "latin1" })
  return {
    url: `http://127.0.0.1:${port}`,
    version: `${name}/${/[\d.]+\d/.exec(version)?.[0] ?? "unknown"}`,
    reloads: () => reloads,
    stop
  }
}
