/** Basic and digests against Apache (`mod_auth_basic`, `mod_auth_digest`), which reads and computes them by itself. */
import { assert, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { createHash } from "node:crypto"
import { chmod, mkdir, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as Auth from "../../src/Auth.ts"
import * as Challenge from "../../src/Challenge.ts"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpBody from "../../src/HttpBody.ts"
import * as HttpConnection from "../../src/HttpConnection.ts"
import * as HttpFields from "../../src/HttpFields.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as NodeTransport from "../../src/NodeTransport.ts"
import { describeWith, quietPort } from "../fixtures/children.ts"
import { group } from "../fixtures/servers/group.ts"
import { asRoot, openDirectory } from "../fixtures/servers/origin.ts"

const users = { ann: "secret", "J\u00e4s\u00f8n Doe": "p\u00e4ss, \"word\"" }

const modules = [
  "mpm_event",
  "alias",
  "auth_basic",
  "auth_digest",
  "authn_core",
  "authn_file",
  "authz_core",
  "authz_user",
  "unixd"
]

/** Places, each with a realm of the name `realm of PLACE`. */
const places = ["plain", "short", "domain"] as const

const md5 = (text: string): string => createHash("md5").update(text, "utf8").digest("hex")

const configuration = (folder: string, port: number): string => `
${
  modules.map((name) => {
    const file = `/usr/lib/apache2/modules/mod_${name}.so`
    return `<IfFile ${file}>\nLoadModule ${name}_module ${file}\n</IfFile>`
  }).join("\n")
}
ServerRoot ${folder}
ServerName localhost
PidFile ${folder}/apache.pid
DefaultRuntimeDir ${folder}
ErrorLog ${folder}/error.log
LogLevel crit
Listen 127.0.0.1:${port}
${asRoot() ? "User nobody\nGroup nogroup" : ""}
StartServers 1
ServerLimit 2
ThreadsPerChild 32
MaxRequestWorkers 64
KeepAlive On
KeepAliveTimeout 60
MaxKeepAliveRequests 0
DocumentRoot ${folder}/root
<Directory ${folder}/root>
  Require all granted
</Directory>
<Location /basic>
  AuthType Basic
  AuthName "realm of basic"
  AuthBasicProvider file
  AuthUserFile ${folder}/basic
  Require valid-user
</Location>
${
  places.map((place) => `
<Location /${place}>
  AuthType Digest
  AuthName "realm of ${place}"
  AuthDigestProvider file
  AuthUserFile ${folder}/digest
  ${place === "short" ? "AuthDigestNonceLifetime 1" : ""}
  ${place === "domain" ? "AuthDigestDomain /domain/inside/" : ""}
  Require valid-user
</Location>`).join("\n")
}
`

class Apache extends Context.Tag("test/Apache")<Apache, {
  readonly origin: string
  readonly port: number
  readonly restart: Effect.Effect<void, unknown>
}>() {}

const apache = (path: string) =>
  Layer.scoped(
    Apache,
    Effect.gen(function*() {
      const folder = yield* openDirectory
      const port = yield* quietPort
      yield* Effect.promise(async () => {
        const names = Object.entries(users)
        for (const place of ["basic", "plain", "short", "domain", "domain/inside"]) {
          await mkdir(join(folder, "root", place), { recursive: true })
          await writeFile(join(folder, "root", place, "a"), `a of ${place}`)
        }
        const basic = names.map(([user, password]) =>
          `${user}:{SHA}${createHash("sha1").update(password).digest("base64")}`
        )
        const digest = names.flatMap(([user, password]) =>
          places.map((place) => `${user}:realm of ${place}:${md5(`${user}:realm of ${place}:${password}`)}`)
        )
        await writeFile(join(folder, "basic"), `${basic.join("\n")}\n`)
        await writeFile(join(folder, "digest"), `${digest.join("\n")}\n`)
        await writeFile(join(folder, "apache.conf"), configuration(folder, port))
        await chmod(join(folder, "root"), 0o755)
      })
      const scope = yield* Effect.scope
      const start = group(path, ["-f", join(folder, "apache.conf"), "-DFOREGROUND"], { cwd: folder, port }).pipe(
        Effect.provideService(Scope.Scope, scope)
      )
      let running = yield* start
      const restart = Effect.gen(function*() {
        yield* running.kill
        // It is left behind, and its process may not have been reaped yet.
        yield* Effect.promise(() => rm(join(folder, "apache.pid"), { force: true }))
        running = yield* start
      })
      return { origin: `http://127.0.0.1:${port}`, port, restart }
    })
  )

/** A pool with credentials, and the statuses that the pool below has received. */
const poolOf = (origin: string, username: keyof typeof users = "ann", password: string = users[username]) =>
  Effect.gen(function*() {
    const pool = yield* ConnectionPool.make()
    const statuses: Array<number> = []
    const noting = Object.assign(Object.create(pool) as typeof pool, {
      execute: (request: HttpRequest.HttpRequest) =>
        Effect.tap(pool.execute(request), ({ status }) => Effect.sync(() => statuses.push(status)))
    })
    const auth = yield* Auth.digest({ username, password: Redacted.make(password), origins: [origin] })
    return { pool: Auth.pool(noting, auth), statuses }
  })

const read = <E>(
  sending: Effect.Effect<{ readonly text: Effect.Effect<string, unknown>; readonly status: number }, E>
) => Effect.flatMap(sending, (response) => Effect.map(response.text, (text) => [response.status, text] as const))

describeWith("apache2", (path) => {
  layer(Layer.merge(apache(path), NodeTransport.layer), { excludeTestServices: true })("apache", (it) => {
    for (const username of Object.keys(users) as ReadonlyArray<keyof typeof users>) {
      it.scoped(`accepts a digest of ${username}, and asks once`, () =>
        Effect.gen(function*() {
          const { origin } = yield* Apache
          const { pool, statuses } = yield* poolOf(origin, username)
          for (let i = 0; i < 3; i++) {
            assert.deepStrictEqual(yield* read(pool.execute(HttpRequest.get(`${origin}/plain/a?q=${i}&r="`))), [
              200,
              "a of plain"
            ])
          }
          assert.deepStrictEqual(statuses, [401, 200, 200, 200])
        }))

      it.scoped(`accepts ${username} by Basic`, () =>
        Effect.gen(function*() {
          const { origin, port } = yield* Apache
          const auth = yield* Auth.basic({ username, password: Redacted.make(users[username]), origins: [origin] })
          const connection = yield* HttpConnection.make({ host: "127.0.0.1", port })
          assert.deepStrictEqual(yield* read(Auth.execute(connection, auth, HttpRequest.get("/basic/a"))), [
            200,
            "a of basic"
          ])
        }))
    }

    it.scoped("a wrong password is refused after one answer", () =>
      Effect.gen(function*() {
        const { origin } = yield* Apache
        const { pool, statuses } = yield* poolOf(origin, "ann", "other")
        const response = yield* pool.execute(HttpRequest.get(`${origin}/plain/a`))
        yield* response.close
        assert.deepStrictEqual([response.status, ...statuses], [401, 401, 401])
      }))

    it.scoped("on a single connection, which stays open between the challenge and its answer", () =>
      Effect.gen(function*() {
        const { origin, port } = yield* Apache
        const auth = yield* Auth.digest({ username: "ann", password: Redacted.make(users.ann), origins: [origin] })
        const connection = yield* HttpConnection.make({ host: "127.0.0.1", port })
        const response = yield* Auth.execute(connection, auth, HttpRequest.get("/plain/a"))
        assert.strictEqual(yield* response.text, "a of plain")
        assert.strictEqual(response.connection.requestsServed, 1)
      }))

    it.scoped("its challenge is read", () =>
      Effect.gen(function*() {
        const { origin } = yield* Apache
        const pool = yield* ConnectionPool.make()
        const response = yield* pool.execute(HttpRequest.get(`${origin}/domain/a`))
        yield* response.close
        const [challenge] = Challenge.parse(response.fields, "www-authenticate")
        assert.strictEqual(challenge?.scheme, "digest")
        assert.deepStrictEqual([...(challenge?.params.keys() ?? [])].toSorted(), [
          "algorithm",
          "domain",
          "nonce",
          "qop",
          "realm"
        ])
        assert.strictEqual(challenge?.params.get("realm"), "realm of domain")
      }))

    it.scoped("64 requests at the same time are asked once each at most, and not again", () =>
      Effect.gen(function*() {
        const { origin } = yield* Apache
        const { pool, statuses } = yield* poolOf(origin)
        const all = Effect.forEach(
          Array.from({ length: 64 }),
          () => read(pool.execute(HttpRequest.get(`${origin}/plain/a`))),
          { concurrency: "unbounded" }
        )
        for (let i = 0; i < 2; i++) assert.isTrue((yield* all).every(([status]) => status === 200))
        assert.isAtMost(statuses.filter((status) => status === 401).length, 64)
        assert.isTrue(statuses.slice(-64).every((status) => status === 200))
      }))

    it.scoped("the digest of a `domain` is sent unasked where it is for", () =>
      Effect.gen(function*() {
        const { origin } = yield* Apache
        const { pool, statuses } = yield* poolOf(origin)
        for (const target of ["/domain/a", "/domain/inside/a", "/domain/a"]) {
          yield* read(pool.execute(HttpRequest.get(origin + target)))
        }
        assert.deepStrictEqual(statuses, [401, 200, 200, 401, 200])
      }))

    it.scoped("a nonce that has expired is replaced", () =>
      Effect.gen(function*() {
        const { origin } = yield* Apache
        const { pool, statuses } = yield* poolOf(origin)
        const get = read(pool.execute(HttpRequest.get(`${origin}/short/a`)))
        yield* get
        yield* Effect.sleep("2 seconds")
        assert.strictEqual((yield* get)[0], 200)
        assert.deepStrictEqual(statuses, [401, 200, 401, 200])
      }))

    it.scoped("a stream goes with the digest if the server refuses its head first", () =>
      Effect.gen(function*() {
        const { origin } = yield* Apache
        const { pool, statuses } = yield* poolOf(origin)
        let begun = 0
        const stream = Stream.suspend(() => {
          begun++
          return Stream.make(new Uint8Array(10))
        })
        const response = yield* pool.execute(HttpRequest.put(`${origin}/plain/a`, {
          body: HttpBody.stream(stream),
          expectContinue: true
        }))
        yield* response.close
        // Apache has no PUT for files, and says so once the user is known.
        assert.deepStrictEqual(statuses, [401, 405])
        assert.isAtMost(begun, 1)
        assert.isTrue(HttpFields.has(response.fields, "allow"))
      }))

    it.scoped("a nonce of the time before a restart is replaced", () =>
      Effect.gen(function*() {
        const { origin, restart } = yield* Apache
        const { pool, statuses } = yield* poolOf(origin)
        const get = read(pool.execute(HttpRequest.get(`${origin}/plain/a`)))
        yield* get
        yield* restart
        assert.strictEqual((yield* get)[0], 200)
        assert.deepStrictEqual(statuses, [401, 200, 401, 200])
      }))
  })
})
