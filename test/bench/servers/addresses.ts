/**
 * The addresses of the servers of the benchmarks. They are started once for all scenarios, in
 * separate processes.
 */

/** Base URLs are without a slash at the end. */
export interface Addresses {
  /**
   * nginx where it is installed, else ours. `GET /small`: 200, the JSON of `smallJson`, 9 header lines. `GET /fields`: the same with 40
   * header lines. `GET /64k`: 64 KiB. `GET /256m` and `/16m`: so many MiB, with Content-Length. `GET /size/N` for N of 1, 4, 16, 64, 256,
   * 1024: so many KiB.
   */
  readonly plain: string
  /** The same over TLS 1.3, with a certificate for `localhost` that `ca` has signed. */
  readonly secure: string
  /**
   * Ours, because nginx cannot: `GET /chunked/256m` and `/chunked/16m` in chunks of 64 KiB; `GET /tiny`: 10,000 chunks of 10 bytes, many to
   * a packet. `POST /post`: takes a body and answers the small JSON. `PUT /upload`: takes a body and answers its length as text. `GET /small`
   * as above. Unlike nginx it keeps 10,000 connections open.
   */
  readonly own: string
  /** The same server as `own` listens there on every address: each of 127.0.0.0/8 is an origin of its own. */
  readonly manyPort: number
  /** The certificate of the authority, in PEM. */
  readonly ca: string
  /** Which server `plain` and `secure` are, with its version: `nginx/1.22.1`. */
  readonly server: string
}

/** What `/small` answers. */
export const smallJson = "{\"id\":123,\"name\":\"hello world\",\"ok\":true,\"list\":[1,2,3,45]}"
