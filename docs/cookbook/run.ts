/**
 * `npm run examples`, second half: runs the `check.ts` of every recipe, each against its own servers on 127.0.0.1.
 *
 * A check fails if anything is not as the recipe's page says. Exit status 1 if one failed, or if a folder has none.
 * `tsx docs/cookbook/run.ts NAME…` runs only these.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import { readdir } from "node:fs/promises"

interface Recipe {
  readonly check: Effect.Effect<void, unknown, Scope.Scope>
}

const folders = async (): Promise<ReadonlyArray<string>> => {
  const entries = await readdir(import.meta.dirname, { withFileTypes: true })
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name).sort()
}

const run = (name: string): Effect.Effect<boolean> =>
  Effect.promise((): Promise<Recipe> => import(`./${name}/check.ts`)).pipe(
    Effect.flatMap(({ check }) => Effect.scoped(check)),
    Effect.exit,
    Effect.map((exit) => {
      console.log(`${Exit.isSuccess(exit) ? "ok    " : "FAILED"} cookbook/${name}`)
      if (Exit.isFailure(exit)) console.log(Cause.pretty(exit.cause, { renderErrorCause: true }))
      return Exit.isSuccess(exit)
    })
  )

const all = Effect.gen(function*() {
  const wanted = process.argv.slice(2)
  const names = wanted.length > 0 ? wanted : yield* Effect.promise(folders)
  const results = yield* Effect.forEach(names, run)
  const failed = results.filter((ok) => !ok).length
  console.log(`${results.length - failed} recipes as expected, ${failed} not`)
  if (failed > 0 || results.length === 0) process.exitCode = 1
})

await Effect.runPromise(all)
