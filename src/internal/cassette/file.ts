/**
 * Reads and writes files of cassettes. Node's modules for files are loaded when one is used,
 * because a program without cassettes loads this file too.
 */
import * as Effect from "effect/Effect"
import { randomUUID } from "node:crypto"
import { codeOf } from "../error/systemCodes.ts"
import { fromJson, toJson } from "./json.ts"
import { type Cassette, CassetteError } from "./model.ts"

const files = () => import("node:fs/promises")

/** Returns the path. An untyped caller may cause a defect, which `catch` below receives. */
const checked = (file: string): string => {
  if (typeof file !== "string" || file === "") throw new TypeError("The path of a cassette must be a text")
  return file
}

/** Documented in `Cassette`. */
export const read = (file: string): Effect.Effect<Cassette, CassetteError> =>
  Effect.flatMap(
    Effect.tryPromise({
      try: () => files().then((fs) => fs.readFile(checked(file), "utf8")),
      catch: (cause) =>
        codeOf(cause) === "ENOENT"
          ? new CassetteError({
            reason: "NotFound",
            file,
            position: undefined,
            detail: "There is no such file. Record it: run the program once with a server, and `mode: \"record\"` or "
              + "`layerRecord`.",
            cause
          })
          : new CassetteError({
            reason: "NotReadable",
            file,
            position: undefined,
            detail: `It cannot be read (${codeOf(cause)}).`,
            cause
          })
    }),
    (text) => fromJson(text, file)
  )

/**
 * Writes a text atomically, so that a reader never sees half of it. Creates the folder if needed.
 */
export const writeText = (file: string, text: string): Effect.Effect<void, CassetteError> =>
  Effect.tryPromise({
    try: async () => {
      const unfinished = `${checked(file)}.${randomUUID()}.tmp`
      const [fs, { dirname }] = await Promise.all([files(), import("node:path")])
      await fs.mkdir(dirname(file), { recursive: true })
      try {
        await fs.writeFile(unfinished, text)
        await fs.rename(unfinished, file)
      } catch (cause) {
        await fs.rm(unfinished, { force: true })
        throw cause
      }
    },
    catch: (cause) =>
      new CassetteError({
        reason: "NotWritable",
        file,
        position: undefined,
        detail: `It cannot be written (${codeOf(cause)}).`,
        cause
      })
  }).pipe(Effect.uninterruptible)

/** Documented in `Cassette`. */
export const write = (file: string, cassette: Cassette): Effect.Effect<void, CassetteError> =>
  Effect.suspend(() => writeText(file, toJson(cassette)))

/** True if the file exists. */
export const exists = (file: string): Effect.Effect<boolean> =>
  Effect.promise(() => files().then((fs) => fs.access(file)).then(() => true, () => false))
