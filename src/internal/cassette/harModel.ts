/** The records of HAR 1.2 that are written. */

export interface NameValue {
  readonly name: string
  readonly value: string
}

export interface HarCookie extends NameValue {
  readonly path?: string
  readonly domain?: string
  /** ISO 8601. */
  readonly expires?: string
  readonly httpOnly?: boolean
  readonly secure?: boolean
}

export interface HarPostData {
  readonly mimeType: string
  /** Of a form; other bodies have `text`. */
  readonly params?: ReadonlyArray<NameValue>
  readonly text?: string
  readonly comment?: string
}

export interface HarContent {
  /** Bytes without the content coding. */
  readonly size: number
  /** Bytes that the coding saved. */
  readonly compression?: number
  readonly mimeType: string
  readonly text?: string
  readonly encoding?: "base64"
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
    readonly postData?: HarPostData
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
  readonly serverIPAddress?: string
  readonly connection: string
  readonly comment?: string
}

/** Documented in `Cassette`. */
export interface Har {
  readonly log: {
    readonly version: "1.2"
    readonly creator: { readonly name: string; readonly version: string }
    readonly entries: ReadonlyArray<HarEntry>
  }
}
