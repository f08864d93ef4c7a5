/**
 * The last step of `npm run build`: what tsc has compiled into `.tmp/build`, a file a module, becomes `dist`, a file a public module
 * and some shared chunks in `dist/internal`. The types in `dist` come from tsc.
 *
 * Node takes some 0.35 ms for each file that it imports, and there are about 140 of them; a dozen chunks have halved the time of
 * `import("effect-http-client")`. A module is in one chunk, so each class exists once whichever way it is imported, and whoever imports one
 * public module loads only what this needs. Nothing is minified: names and comments stay, for stack traces and debuggers.
 */
import { readdirSync, readFileSync } from "node:fs"
import { isAbsolute } from "node:path"
import { fileURLToPath } from "node:url"
import { defineConfig } from "rollup"

const built = fileURLToPath(new URL(".tmp/build/", import.meta.url))

const modules = readdirSync(built).filter((file) => file.endsWith(".js")).map((file) => file.slice(0, -".js".length))

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
    input: Object.fromEntries(modules.filter((name) => name !== "index").map((name) => [name, `${built}${name}.js`])),
    external: (id) => !id.startsWith(".") && !isAbsolute(id)
  },
  {
    ...common,
    input: `${built}index.js`,
    // It stays a list of the modules: as objects in a chunk, no bundler could leave out what its user does not import.
    external: /^\.\//
  }
])
