/** Which decoder reads a body of which framing. */
import type * as HttpLeniency from "../../HttpLeniency.ts"
import type * as HttpLimits from "../../HttpLimits.ts"
import type { BodyDecoder } from "./body.ts"
import { CloseDecoder, LengthDecoder } from "./body.ts"
import { ChunkedDecoder } from "./chunked.ts"
import type { Framing } from "./framing.ts"

/** A decoder for one body. What has no body, and what is a tunnel, is read to its end at once. */
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
