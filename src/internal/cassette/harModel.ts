/** The records of HAR 1.2 that are written. */

export interface NameValue {
  readonly name: string
  readonly value: string
}

export interface HarCookie extends NameValue {
  readonly path?: string | undefined
  readonly domain?: string | undefined
  /** ISO 8601. */
  readonly expires?: string | undefined
  readonly httpOnly?: boolean | undefined
  readonly secure?: boolean | undefined
}

export interface HarPostData {
  readonly mimeType: string
  /** For a form; other bodies have `text`. */
  readonly params?: ReadonlyArray<NameValue> | undefined
  readonly text?: string | undefined
  readonly comment?: string | undefined
}

export interface HarContent {
  /** Bytes without the content coding. */
  readonly size: number
  /** Bytes that the coding saved. */
  readonly compression?: number | undefined
  readonly mimeType: string
  readonly text?: string | undefined
  readonly encoding?: "base64" | undefined
}

export interface HarMessage {
  readonly httpVersion: string
  readonly cookies: ReadonlyArray<HarCookie>
  readonly headers: ReadonlyArray<NameValue>
  readonly headersSize: number
  readonly bodySize: number
}

/** Documented in `Cassette`. */
export interface HarEntry {
  readonly startedDateTime: string
  readonly time: number
  readonly request: HarMessage & {
    readonly method: string
    readonly url: string
    readonly queryString: ReadonlyArray<NameValue>
    readonly postData?: HarPostData | undefined
  }
  readonly response: HarMessage & {
    readonly status: number
    readonly statusText: string
    readonly content: HarContent
    readonly redirectURL: string
  }
  readonly cache: {}
  readonly timings: {
    readonly blocked: number
    readonly dns: number
    readonly connect: number
    readonly send: number
    readonly wait: number
    readonly receive: number
    readonly ssl: number
  }
  readonly serverIPAddress?: string | undefined
  readonly connection: string
  readonly comment?: string | undefined
}

/** Documented in `Cassette`. */
export interface Har {
  readonly log: {
    readonly version: "1.2"
    readonly creator: { readonly name: string; readonly version: string }
    readonly entries: ReadonlyArray<HarEntry>
  }
}
