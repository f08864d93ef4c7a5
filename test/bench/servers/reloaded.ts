/**
 * Servers that are reloaded gracefully, or killed and started again, over and over, each as a process group with a directory.
 *
 * A shell leads the group: it starts the server, reloads or kills it, and kills the whole group at the end of its input. That end comes however the process at the other end of the pipe ends, so no server outlives it. The
 * shell also sets the time of the reloads: a timer in the process of the clients would fire at a fixed place of their
 * event loop, and every reload would meet their requests in the same state.
 */
import { execFileSync, spawn } from "node:child_process"
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { canConnect, find, freePort } from "./nginx.ts"

/** A running server. */
export interface Reloaded {
  /**
   * Answers every POST to `/?n=N` with `N P`, where P is the id of the process that answers, or of its configuration:
   * each reload makes a new one.
   */
  readonly url: string
  /** `nginx/1.22.1`. */
  readonly version: string
  /** How many reloads have been asked for. */
  readonly reloads: () => number
  readonly stop: () => Promise<void>
}

export const names = ["nginx", "haproxy", "apache", "caddy", "node"] as const

export type Name = typeof names[number]

interface Program {
  /** What is installed; the name by default. */
  readonly program?: string
  /** Commands of the shell: `$server` is the process, `$@` what started it. */
  readonly reload: string
  readonly args: ReadonlyArray<string>
  readonly configuration: (port: number, directory: string) => string
  /** What gives the version; `-v` by default. */
  readonly version?: string
}

/** The answer of Apache: a graceful reload makes new processes. */
const lua = `function handle(r)
  local stat = io.open("/proc/self/stat")
  local pid = stat:read("*n")
  stat:close()
  r:write(r.args:match("n=(%d+)") .. " " .. pid)
  return apache2.OK
end
`

/** Reads the whole body before it answers, as the others do. */
const script = (port: number): string => `
require("node:http").createServer((request, response) => {
  request.resume().on("end", () => response.end(request.url.slice("/?n=".length) + " " + process.pid))
}).listen(${port}, "127.0.0.1")
`

/**
 * A process that is to end closes its idle connections at once, and the others behind their response. The limits for
 * that are never reached.
 */
const programs: { readonly [N in Name]: Program } = {
  nginx: {
    reload: "kill -HUP $server",
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
    reload: "kill -USR2 $server",
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
  },
  apache: {
    program: "apache2",
    reload: "kill -USR1 $server",
    args: ["-d", ".", "-f", "configuration", "-DFOREGROUND"],
    configuration: (port, directory) => {
      writeFileSync(join(directory, "handle.lua"), lua)
      const modules = ["mpm_event", "authz_core", "lua"].map((name) =>
        `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`
      )
      return `
${modules.join("\n")}
ServerRoot ${directory}
ServerName localhost
PidFile ${directory}/apache.pid
DefaultRuntimeDir ${directory}
ErrorLog ${directory}/error.log
Listen 127.0.0.1:${port}
${process.getuid?.() === 0 ? "User nobody\nGroup nogroup" : ""}
StartServers 1
ServerLimit 16
ThreadsPerChild 32
MaxRequestWorkers 128
GracefulShutdownTimeout 10
KeepAlive On
KeepAliveTimeout 60
MaxKeepAliveRequests 0
LuaMapHandler / ${directory}/handle.lua
<Location />
  Require all granted
</Location>
`
    }
  },
  caddy: {
    // The process stays; the configuration is another one each time.
    reload: `generation=$((generation + 1)); sed "s/GENERATION/$generation/" configuration >next
      caddy reload --force --config next --adapter caddyfile --address unix/$PWD/admin.sock >/dev/null 2>&1`,
    args: ["run", "--config", "configuration", "--adapter", "caddyfile"],
    version: "version",
    configuration: (port, directory) => `
{
  admin unix/${directory}/admin.sock
  auto_https off
  grace_period 10s
  log {
    output discard
  }
  servers {
    timeouts {
      idle 60s
    }
  }
}
http://127.0.0.1:${port} {
  bind 127.0.0.1
  request_body {
    max_size 1MB
  }
  respond "{query.n} GENERATION"
}
`
  },
  node: {
    // Killed, and started again. What it had accepted is reset, and until it listens again all are refused.
    reload: `sleep 0.75; kill -KILL $server; wait $server; "$@" >>output 2>&1 & server=$!`,
    args: ["configuration"],
    configuration: script
  }
}

/** Its arguments: how it reloads, and the command. It starts to reload at the first line of input. */
const leader = `
reload=$1; shift
exec 3<&0
(read end <&3; kill -KILL 0) &
"$@" >output 2>&1 3<&- &
server=$!
while [ ! -e started ]; do sleep 0.05; done
while sleep 0.25; do eval "$reload"; echo; done
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
  const { args, configuration, program = name, reload, version: asked = "-v" } = programs[name]
  const path = find(program)
  if (path === undefined) throw new Error(`${program} is not installed: neither the path nor /usr/sbin has it`)
  const directory = mkdtempSync(join(tmpdir(), "effect-http-client-reloads-"))
  // A server that is started by root becomes another user.
  chmodSync(directory, 0o755)
  const tidy = (): void => rmSync(directory, { recursive: true, force: true })
  process.once("exit", tidy)
  const port = await freePort()
  writeFileSync(join(directory, "configuration"), configuration(port, directory))
  const running = spawn("/bin/sh", ["-c", leader, "sh", reload, path, ...args], {
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
  writeFileSync(join(directory, "started"), "")
  // nginx writes its version to stderr.
  const version = execFileSync("/bin/sh", ["-c", `"$0" ${asked} 2>&1`, path], { encoding: "latin1" })
  return {
    url: `http://127.0.0.1:${port}`,
    version: `${name}/${/[\d.]+\d/.exec(version)?.[0] ?? "unknown"}`,
    reloads: () => reloads,
    stop
  }
}
