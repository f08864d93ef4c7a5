import { availableParallelism } from "node:os"
import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const src = fileURLToPath(new URL("./src/", import.meta.url))

export default defineConfig({
  resolve: {
    // `exports` points at dist; tests and examples import the sources by the package's own name.
    alias: [
      { find: /^effect-http-client$/, replacement: `${src}index.ts` },
      { find: /^effect-http-client\/(\w+)$/, replacement: `${src}$1.ts` }
    ]
  },
  test: {
    include: ["test/**/*.test.ts"],
    pool: "forks",
    // A worker keeps its modules from file to file: loading them anew took half of the time.
    isolate: false,
    setupFiles: ["test/setup.ts"],
    // Vitest leaves one core free, which on a machine of two doubles the time. More workers than cores gain nothing.
    maxWorkers: availableParallelism(),
    // As many: with three or more workers tinypool 1.1.1 ends an idle one twice, and the run with an unhandled error.
    // `--maxWorkers=1` therefore needs `--minWorkers=1` beside it.
    minWorkers: availableParallelism(),
    testTimeout: 20_000,
    hookTimeout: 20_000,
    coverage: {
      provider: "v8",
      include: ["src/**/*.ts"],
      reporter: ["text", "json-summary"],
      thresholds: {
        lines: 95,
        branches: 95,
        functions: 95,
        statements: 95,
        "src/internal/{protocol,syntax}/**": { lines: 100, branches: 100, functions: 100, statements: 100 }
      }
    }
  }
})
