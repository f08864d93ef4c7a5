/**
 * How an error names the relaxations of `HttpLeniency` that get past its fault: one table for all
 * errors, so that no relaxation can be added without words for it.
 *
 * A parser that refuses knows which relaxation it would have asked, and gives that along. The tests
 * switch on what errors name until a wire is read, and compare with all relaxations at once.
 */
import type { HttpLeniency } from "../../HttpLeniency.ts"

/** The name of a relaxation. */
export type Relaxation = keyof HttpLeniency

/** What each relaxation does, as the end of a sentence that begins with its name. */
const does: { readonly [R in Relaxation]: string } = {
  bareLf: "takes a lone LF for the end of a line",
  spaceBeforeColon: "drops white space before the colon",
  controlCharacters: "keeps control characters in field values",
  skipInvalidFields: "skips field lines that cannot be read",
  chunkSizeSpaces: "drops white space around a chunk size",
  missingFinalCrlf: "takes a body that ends behind its last chunk for complete",
  missingCloseNotify:
    "takes a body that ends with a connection of TLS for complete though TLS did not say that it ends",
  headEndsWithConnection: "takes a head that ends with the connection for complete",
  invalidContentLength: "takes the first number, or reads the body until the connection closes",
  unknownTransferCoding: "gives the body as it comes",
  statusLineSpaces: "accepts other white space in a status line",
  framingConflict: "lets Transfer-Encoding win"
}

/**
 * The sentence at the end of a message that names them, best first; nothing where there is none.
 */
export const remedy = (relaxations: ReadonlyArray<Relaxation> | undefined): string =>
  relaxations === undefined || relaxations.length === 0
    ? ""
    : ` Where the server cannot be corrected, ${
      relaxations.map((name) => `\`HttpLeniency.${name}\` ${does[name]}`).join(", and ")
    }.`
