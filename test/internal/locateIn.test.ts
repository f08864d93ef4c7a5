/** What an error of a response knows, where the response is one of this library and where it is another's. */
import { describe, expect, it } from "vitest"
import { BodyTooLarge } from "../../src/HttpError.ts"
import * as HttpFields from "../../src/HttpFields.ts"
import { noTimings } from "../../src/internal/error/context.ts"
import { LocateId, locateIn } from "../../src/internal/locateIn.ts"

const connection = {
  id: 7,
  reused: false,
  requestsServed: 0,
  idleMillis: 0,
  localAddress: undefined,
  localPort: undefined,
  remoteAddress: "192.0.2.1",
  remotePort: 80
}
const foreign = {
  connection,
  fields: HttpFields.fromInput({ "Content-Type": "text/html" }),
  resends: 1,
  status: 502,
  timings: noTimings,
  url: "http://a.test/path?secret"
}

describe("an error of a response", () => {
  it("of another library has what the response says of itself", () => {
    const { context, message } = locateIn(foreign, new BodyTooLarge({ limit: 1 }))
    expect(message).toMatch(/ \(http:\/\/a\.test:80\/path\)$/)
    expect(context).toMatchObject({
      connection,
      origin: "http://a.test:80",
      path: "/path",
      status: 502,
      contentType: "text/html",
      requestState: "ResponseStarted",
      processed: "Yes",
      resends: 1
    })
  })

  it("has no origin where the URL of the response is none", () => {
    const { context } = locateIn({ ...foreign, url: "*" }, new BodyTooLarge({ limit: 1 }))
    expect(context).toMatchObject({ origin: undefined, path: undefined, status: 502 })
  })

  it("has what the exchange knows, and what the response says where it cannot see its exchange", () => {
    const error = new BodyTooLarge({ limit: 1 })
    expect(locateIn({ ...foreign, [LocateId]: (error) => error }, error).context.status).toBeUndefined()
    expect(locateIn({ ...foreign, [LocateId]: () => undefined }, error).context.status).toBe(502)
  })
})
