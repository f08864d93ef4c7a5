/**
 * Chooses the decoder for the framing of a body.
 */
import type * as HttpLeniency from "../../HttpLeniency.ts"
import type * as HttpLimits from "../../HttpLimits.ts"
import type { BodyDecoder } from "./body.ts"
import { CloseDecoder, LengthDecoder } from "./body.ts"
import { ChunkedDecoder } from "./chunked.ts"
import type { Framing } from "./framing.ts"

/**
 * Creates a decoder for one body. A response without a body and a tunnel have a body of length 0.
 */
export const makeDecoder = (
  framing: Framing,
  limits: HttpLimits.HttpLimits,
  leniency: HttpLeniency.HttpLeniency
): BodyDecoder => {
  switch (framing.kind) {
    case "length":
      return new LengthDecoder(framing.length, limits)
    case "chunked":
      return new ChunkedDecoder(limits, leniency)
    case "close":
      return new CloseDecoder(limits)
    default:
      return new LengthDecoder(0, limits)
  }
}
