/** Writes the pages that are generated: the reference from what docgen wrote, and the files that pages link to. */
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import { writeFiles } from "./files.ts"
import { api, root } from "./paths.ts"
import { writeReference } from "./reference.ts"

// `npm run docs` has just run it; while one writes, the last reference will do.
if (!fs.existsSync(api)) execFileSync("npx", ["docgen"], { cwd: root, stdio: "inherit" })
writeReference()
writeFiles()
