/**
 * The words with which an error names the relaxations of `HttpLeniency` that accept its fault. It
 * is one table for all errors, so that every relaxation must have words.
 *
 * A parser that refuses bytes knows which relaxations would have accepted them, and passes those to
 * the error. The tests enable the named relaxations until the bytes parse, and compare the result
 * with all relaxations enabled at once.
 */
import type { HttpLeniency } from "../../HttpLeniency.ts"

/** The name of a relaxation. */
export type Relaxation = keyof HttpLeniency

/** The effect of each relaxation, as the end of a sentence that begins with its name. */
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
 * Returns the sentence at the end of a message that names the relaxations, best first. Returns an
 * empty text if there are none.
 */
export const remedy = (relaxations: ReadonlyArray<Relaxation> | undefined): string =>
  relaxations === undefined || relaxations.length === 0
    ? ""
    : ` Where the server cannot be corrected, ${
      relaxations.map((name) => `\`HttpLeniency.${name}\` ${does[name]}`).join(", and ")
    }.`
