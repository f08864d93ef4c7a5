/**
 * The last step of `npm run build`: what tsc has compiled into `.tmp/build`, a file a module, becomes `dist`, a file a public module
 * and some shared chunks in `dist/internal`. The types in `dist` come from tsc.
 *
 * Node takes some 0.35 ms for each file that it imports, and there are about 140 of them; a dozen chunks have halved the time of
 * `import("effect-http-client")`. A module is in one chunk, so each class exists once whichever way it is imported. Nothing is minified:
 * names and comments stay, for stack traces and debuggers.
 *
 * The chunks are layers: what the plain data needs, what a connection needs besides, then the pool, then the platform's client. So
 * a program loads little that it does not need, in few files. Left to itself, rollup makes a chunk of each set of modules that the same
 * public modules need, which were 37 when there were 28 public modules.
 */
import { readdirSync, readFileSync } from "node:fs"
import { isAbsolute } from "node:path"
import { fileURLToPath } from "node:url"
import { defineConfig } from "rollup"

const built = fileURLToPath(new URL(".tmp/build/", import.meta.url))

const modules = readdirSync(built).filter((file) => file.endsWith(".js")).map((file) => file.slice(0, -".js".length))

/** The public modules that need each layer. What they reach, and no layer above has, is in its chunk. */
const layers = {
  data: ["HttpError", "HttpFields", "HttpLeniency", "HttpLimits", "HttpStatus", "HttpTimeouts", "Origin"],
  connection: ["HttpConnection"],
  pool: ["ConnectionPool"],
  client: ["PooledHttpClient"]
}

/** How many files of `dist` each of these may load, with itself. More of them is a decision: each takes time whenever a program starts. */
const most = { HttpFields: 2, HttpConnection: 3, ConnectionPool: 4, PooledHttpClient: 6 }

/** @type {Map<string, string>} */
const layerOf = new Map()

/** @type {import("rollup").GetManualChunk} */
const manualChunks = (id, { getModuleInfo }) => {
  if (layerOf.size === 0) {
    for (const [layer, names] of Object.entries(layers)) {
      /** @type {(file: string) => void} */
      const visit = (file) => {
        const info = getModuleInfo(file)
        if (layerOf.has(file) || info === null || info.isExternal) return
        layerOf.set(file, layer)
        info.importedIds.forEach(visit)
      }
      names.forEach((name) => visit(`${built}${name}.js`))
    }
  }
  return layerOf.get(id)
}

/** Fails if a public module loads more files than `most` says. @type {import("rollup").Plugin} */
const counted = {
  name: "counted",
  generateBundle(_, bundle) {
    for (const [name, count] of Object.entries(most)) {
      /** @type {Set<string>} */
      const files = new Set()
      /** @type {(file: string) => void} */
      const visit = (file) => {
        const chunk = bundle[file]
        if (chunk?.type !== "chunk" || files.has(file)) return
        files.add(file)
        chunk.imports.forEach(visit)
      }
      visit(`${name}.js`)
      if (files.size > count) {
        this.error(`${name} loads ${files.size} files, more than ${count}: ${[...files].join(", ")}`)
      }
    }
  }
}

/** Reads a file with its source map, so that those of `dist` lead to `src`. */
const compiled = {
  name: "compiled",
  /** @param {string} file */
  load: (file) => ({ code: readFileSync(file, "utf8"), map: readFileSync(`${file}.map`, "utf8") })
}

/** @type {import("rollup").RollupOptions} */
const common = {
  plugins: [compiled],
  // As `sideEffects` in package.json says: a module of which nothing is used is not imported.
  treeshake: { moduleSideEffects: false },
  output: {
    dir: "dist",
    chunkFileNames: "internal/[name].js",
    // A chunk imports what it needs, not what its imports need, too.
    hoistTransitiveImports: false,
    // What a chunk exports keeps its name, not a letter.
    minifyInternalExports: false,
    sourcemap: true,
    sourcemapExcludeSources: true
  },
  onwarn: (warning) => {
    // A module of types alone.
    if (warning.code !== "EMPTY_BUNDLE") throw new Error(warning.message)
  }
}

export default defineConfig([
  {
    ...common,
    plugins: [compiled, counted],
    output: { ...common.output, manualChunks },
    input: Object.fromEntries(modules.filter((name) => name !== "index").map((name) => [name, `${built}${name}.js`])),
    external: (id) => !id.startsWith(".") && !isAbsolute(id)
  },
  {
    ...common,
    input: `${built}index.js`,
    // It stays a list of the modules: as objects in a chunk, no bundler could leave out what its user does not import.
    external: /^\.\//
  },
  {
    ...common,
    // The program is one file over the public modules, as a program of a user is.
    input: `${built}cli/main.js`,
    output: {
      ...common.output,
      dir: "dist/cli",
      paths: (id) => id.startsWith(built) ? `../${id.slice(built.length)}` : id
    },
    external: (id) => !id.startsWith("./") && !id.startsWith(`${built}cli/`)
  }
])
