/** Where the servers of the checks are, and what a client needs to reach them. */

/** Ports are of 127.0.0.1. It is passed to each runtime as JSON. */
export interface Places {
  /** What the encoded responses decode to. */
  readonly plain: string
  /** The authority to trust, in PEM. */
  readonly ca: string
  readonly client: { readonly cert: string; readonly key: string }
  readonly socketPath: string
  readonly proxyAuthorization: string
  readonly http: number
  readonly https: number
  /** As `https`, with a certificate for `localhost` alone. */
  readonly byName: number
  readonly expired: number
  readonly otherName: number
  readonly selfSigned: number
  /** With a certificate of another authority. */
  readonly untrusted: number
  /** Wants the certificate of the client. */
  readonly mutual: number
  readonly proxy: number
  readonly socks: number
  /** Does not speak HTTP. */
  readonly broken: number
  /** No server listens there. */
  readonly unused: number
}
