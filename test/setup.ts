/**
 * Runs before each test file: gives `it` its own methods again.
 *
 * Test files share the modules of a worker (`isolate: false`), so that a module is loaded and compiled once and not once for each file.
 * `layer` of `@effect/vitest` assigns methods to the one `it` that all files share; without this line, `it.effect` of every file after it
 * would run with that layer, and without the test services if the layer excludes them.
 */
import { it, makeMethods } from "@effect/vitest"

makeMethods(it)
