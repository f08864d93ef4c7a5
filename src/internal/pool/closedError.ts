/** The failure of a request that a pool does not serve because it is shut down. */
import { withContext } from "../error/base.ts"
import { PoolClosed } from "../error/pool.ts"

/** The request that it is about is added where it fails. */
export const closedError = (origin: string | undefined): PoolClosed => {
  const error = new PoolClosed()
  return withContext(error, { ...error.context, origin })
}
