/**
 * The import rules R1 to R5 and R8 as one oxlint rule, `architecture/imports`: what each file of
 * `src` may import.
 *
 * Judges one import by the paths of its two ends; every form of import counts, types included. R6
 * (no cycle) is oxlint's own `import/no-cycle` and R7 (400 lines) its `max-lines`.
 * `test/architecture.test.ts` proves that each of the eight can fail. A new folder in
 * `src/internal` is refused until it has its line in `layers`.
 */
import { builtinModules } from "node:module"
import * as path from "node:path"
import { fileURLToPath } from "node:url"

/** The public modules that are plain data and types, without types of Effect, sockets or TLS. */
const plainVocabulary = [
  "HttpError",
  "HttpFields",
  "HttpLeniency",
  "HttpLimits",
  "HttpRequest",
  "HttpStatus",
  "HttpTimeouts",
  "Origin"
]
const vocabulary = [...plainVocabulary, "ConnectionEvent", "HttpBody", "HttpResponse", "Proxy", "Tls", "Transport"]

/** The modules of `effect` that are data and functions, without the runtime. */
const pureEffect = new Set([
  "Array",
  "BigInt",
  "Boolean",
  "Brand",
  "Cause",
  "Chunk",
  "Data",
  "Either",
  "Equal",
  "Equivalence",
  "Function",
  "Hash",
  "HashMap",
  "HashSet",
  "Inspectable",
  "Iterable",
  "Number",
  "Option",
  "Order",
  "Pipeable",
  "Predicate",
  "Record",
  "Redacted",
  "String",
  "Struct",
  "Tuple",
  "Types",
  "Unify"
])

/** The folders behind the vocabulary. `base` stands for the files directly in `src/internal`. */
const low = ["base", "error", "model", "status", "syntax"]

/** `low`, and the folder behind request bodies, for folders that may use streams. */
const vocabularyFolders = [...low, "body"]

/**
 * The folders of `src/internal`: which others, and which public modules, each may import. `pure`
 * means bytes and values only: no Effect runtime, no `node:*`, no `@effect/*`. `noRuntime` forbids
 * the Effect runtime only. `noEffect` means callbacks only: nothing of the package `effect`, types
 * included, so that another major version of it needs no change there.
 *
 * @typedef {object} Layer
 * @property {ReadonlyArray<string>} folders
 * @property {ReadonlyArray<string>} modules
 * @property {true} [pure]
 * @property {true} [noRuntime]
 * @property {true} [noEffect]
 *
 * @type {Readonly<Record<string, Layer>>}
 */
const layers = {
  base: { folders: low, modules: plainVocabulary, pure: true },
  model: { folders: low, modules: [...plainVocabulary, "HttpBody", "Tls", "Transport"], pure: true },
  error: { folders: low, modules: plainVocabulary, pure: true },
  status: { folders: low, modules: plainVocabulary, pure: true },
  syntax: { folders: low, modules: plainVocabulary, pure: true },
  body: { folders: low, modules: plainVocabulary },
  protocol: { folders: low, modules: plainVocabulary, pure: true },
  node: { folders: low, modules: vocabulary, noEffect: true },
  testing: { folders: [...low, "node", "effect"], modules: vocabulary },
  cassette: { folders: [...low, "protocol", "effect", "testing"], modules: vocabulary },
  content: { folders: low, modules: vocabulary, noRuntime: true },
  connection: { folders: [...low, "protocol"], modules: vocabulary, noEffect: true },
  pool: { folders: [...low, "protocol", "connection"], modules: vocabulary, noEffect: true },
  retry: { folders: [...low, "effect"], modules: vocabulary },
  download: { folders: [...vocabularyFolders, "effect", "retry", "pool"], modules: vocabulary },
  auth: { folders: [...low, "protocol", "node", "connection", "effect", "pool"], modules: vocabulary },
  sse: { folders: [...vocabularyFolders, "connection", "effect", "pool"], modules: vocabulary },
  effect: {
    folders: [...vocabularyFolders, "protocol", "node", "connection", "retry", "pool"],
    modules: vocabulary
  },
  platform: {
    folders: [
      ...vocabularyFolders,
      "protocol",
      "content",
      "node",
      "connection",
      "effect",
      "retry",
      "pool",
      "auth",
      "sse"
    ],
    modules: vocabulary
  },
  cookies: { folders: [...low, "platform"], modules: vocabulary }
}

const socketModules = new Set(["node:net", "node:tls", "node:dns", "node:dns/promises"])
const runtimePackages = ["effect", "@effect/platform"]

/**
 * The optional peers: the folder that may import each, and the public module above it. The index
 * does not export that module, so that the package can be imported without the peer.
 */
const optionalPeers = { "tough-cookie": { folder: "cookies", module: "CookieJar.ts" } }

/**
 * The folder of `src/internal` of a path below `src`; `undefined` for a public module.
 *
 * @param {string} file
 */
const folderOf = (file) => {
  const [internal, folder, ...rest] = file.split("/")
  if (internal !== "internal") return undefined
  return rest.length === 0 ? "base" : folder
}

/** @param {string} file */
const moduleOf = (file) => file.replace(/\.ts$/, "")

/**
 * The reason to refuse a relative import; `undefined` if it is allowed.
 *
 * @param {string} from @param {string} to @returns {string | undefined}
 */
const judgeOwn = (from, to) => {
  const folder = folderOf(from)
  const target = folderOf(to)
  if (to.startsWith("../")) return "R0: src imports nothing of this repository outside of src."
  // The program is a user of the library like any other.
  if (to.startsWith("cli/") && !from.startsWith("cli/")) return "R0: the library does not know its command line."
  if (from.startsWith("cli/") && target !== undefined) return "R5: cli imports public modules only."
  for (const { folder: peerFolder, module } of Object.values(optionalPeers)) {
    if ((target === peerFolder && folder !== peerFolder && from !== module) || to === module) {
      return `R0: ${to} needs an optional peer; only ${module} and internal/${peerFolder} may import it.`
    }
  }
  if (folder === undefined) {
    if (!vocabulary.includes(moduleOf(from)) || moduleOf(from) === "HttpResponse") return undefined
    return target === undefined
      ? vocabulary.includes(moduleOf(to)) ? undefined : `R5: ${moduleOf(from)} is vocabulary, ${moduleOf(to)} is not.`
      : vocabularyFolders.includes(target)
      ? undefined
      : `R5: ${moduleOf(from)} is vocabulary, which lies below internal/${target}.`
  }
  const layer = layers[folder]
  if (layer === undefined) return `R0: internal/${folder} has no line in \`layers\` of .oxlint/architecture.js.`
  if (target === folder || (target !== undefined && layer.folders.includes(target))) return undefined
  if (target === undefined && layer.modules.includes(moduleOf(to))) return undefined
  if (layer.pure) return `R1: internal/${folder} is pure and imports only the vocabulary and itself, not ${to}.`
  if (target === undefined) return `R5: internal files import no public module but the vocabulary, not ${to}.`
  if (folder === "node") return `R2: internal/node knows nothing of internal/${target}.`
  return `R0: the arrows are platform -> effect -> pool -> connection -> protocol and effect -> node; internal/${folder}`
    + ` lies below internal/${target}.`
}

/**
 * The reason to refuse any other import; `undefined` if it is allowed.
 *
 * @param {string} from @param {string} specifier @returns {string | undefined}
 */
const judgeForeign = (from, specifier) => {
  const folder = folderOf(from)
  const pure = folder !== undefined && layers[folder]?.pure === true
  const bare = specifier.replace(/^node:/, "")
  if (specifier.startsWith("node:") || builtinModules.includes(specifier)) {
    if (pure) return `R1: internal/${folder} is pure and imports no node module.`
    return socketModules.has(`node:${bare}`) && folder !== "node" && from !== "NodeTransport.ts"
      ? `R4: only internal/node imports node:${bare}.`
      : undefined
  }
  const name = specifier.split("/").slice(0, specifier.startsWith("@") ? 2 : 1).join("/")
  const peer = optionalPeers[name]
  if (peer !== undefined && folder === peer.folder) return undefined
  if (!runtimePackages.includes(name)) return `R0: at run time there are only effect and @effect/platform, not ${name}.`
  if (name === "effect") {
    if (folder !== undefined && layers[folder]?.noEffect) return `R8: internal/${folder} knows nothing of Effect.`
    const dataOnly = pure || (folder !== undefined && layers[folder]?.noRuntime === true)
    return dataOnly && !pureEffect.has(specifier.slice("effect/".length))
      ? `R1: internal/${folder} runs no effects; ${specifier} is not among the modules of effect that are plain data.`
      : undefined
  }
  if (pure) return `${folder === "protocol" ? "R1, R3" : "R1"}: internal/${folder} does not import ${name}.`
  return folder === undefined || folder === "platform" || folder === "cookies" || folder === "download"
    ? undefined
    : `R3: internal/${folder} does not import ${name}; only internal/platform, internal/download and public modules do.`
}

/** @param {string} specifier */
const isOwn = (specifier) => /^\.{0,2}\//.test(specifier)

/**
 * The reason to refuse an import; `undefined` if it is allowed. `from` is a path below `src`, such
 * as `internal/pool/pool.ts`.
 *
 * @param {string} from @param {string} specifier @returns {string | undefined}
 */
export const judge = (from, specifier) =>
  isOwn(specifier)
    ? judgeOwn(from, path.posix.normalize(path.posix.join(path.posix.dirname(from), specifier)))
    : judgeForeign(from, specifier)

const src = fileURLToPath(new URL("../src/", import.meta.url))

/**
 * The used part of oxlint's plugin interface, which is ESLint's.
 *
 * @typedef {{ readonly type: string, readonly value?: unknown }} Expression
 * @typedef {{
 *   readonly filename: string,
 *   report(finding: { node: Expression, message: string }): void
 * }} Context
 */
const plugin = {
  meta: { name: "architecture" },
  rules: {
    imports: {
      /** @param {Context} context */
      create: (context) => {
        const from = path.relative(src, context.filename).split(path.sep).join("/")
        if (from.startsWith("../")) return {}
        /** @param {{ readonly source: Expression | null }} node */
        const declared = ({ source }) => {
          if (source === null) return
          const message = source.type === "Literal" && typeof source.value === "string"
            ? judge(from, source.value)
            : "R0: an import whose module is computed cannot be judged."
          if (message !== undefined) context.report({ node: source, message })
        }
        /** @param {{ readonly source: Expression }} node */
        const inline = ({ source }) => {
          if (source.type === "Literal" && isOwn(String(source.value))) {
            context.report({ node: source, message: "R6: the cycle check sees import declarations only; write one." })
          } else declared({ source })
        }
        return {
          ImportDeclaration: declared,
          ExportNamedDeclaration: declared,
          ExportAllDeclaration: declared,
          ImportExpression: inline,
          TSImportType: inline
        }
      }
    }
  }
}

export default plugin
