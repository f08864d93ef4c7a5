/** Where things are: the folders of the repository that the site reads and writes. */
import * as path from "node:path"
import { fileURLToPath } from "node:url"

/** The repository. */
export const root = fileURLToPath(new URL("../../..", import.meta.url))

/** The pages that are written by hand. */
export const docs = path.join(root, "docs")

/** What docgen writes: one file of markdown for a source. */
export const api = path.join(root, "api")

/** The pages of the reference, generated, one a module. */
export const reference = path.join(docs, "reference")

/** Generated pages that show a file of the repository: `files/LICENSE.md` shows `LICENSE`. */
export const files = path.join(docs, "files")

/** The built site. */
export const output = path.join(root, "site")
