/**
 * Failures of the connection pool itself. Waiting too long is an `HttpTimeout` of the kind `pool`.
 *
 * @since 0.2.0
 */
import { tagged } from "./base.ts"

/**
 * The pool's queue has reached its limit (`waiters`). Nothing of this request was sent.
 *
 * @since 0.2.0
 * @category errors of the pool
 */
export class PoolQueueFull extends tagged("PoolQueueFull", "Local", "pool")<{
  /** The limit: `waiters`. */
  readonly limit: number
}> {
  override get description(): string {
    return `No connection is free, and ${this.limit} requests wait for one already, which is the limit (\`waiters\`). `
      + "Send fewer at once, or allow more connections (`connectionsPerOrigin`, `connections`)."
  }
}

/**
 * The pool is shut down, or its scope has closed. Nothing of the request was sent.
 *
 * @since 0.2.0
 * @category errors of the pool
 */
export class PoolClosed extends tagged("PoolClosed", "Local", "pool")<{}> {
  override get description(): string {
    return "The connection pool is closed: `shutdown` was called, or its scope has ended. Send requests within its scope."
  }
}
