/** The states of a request through the pool, and the moves between them. */

/** A state, as a bit. */
export const State = {
  /** Not started, or about to acquire another connection. */
  New: 1,
  /** In the queue, without a connection being opened for it. */
  Queued: 2,
  /** In the queue, while a connection is being opened for it. */
  Opening: 4,
  /** It has a connection that is being polled. */
  Resting: 8,
  /** It uses the connection: the request is being sent, or its response is awaited. */
  Sending: 16,
  /** It waits for operations that were started for it to end, before it fails or continues. */
  Ending: 32,
  /** The head of the response has arrived, or the lease has its connection. */
  Answered: 64,
  /** It has failed. */
  Failed: 128,
  /** The caller was interrupted. */
  Cancelled: 256
} as const

export type State = (typeof State)[keyof typeof State]

const { Answered, Cancelled, Ending, Failed, New, Opening, Queued, Resting, Sending } = State

/**
 * The states that may follow each. `Failed` may follow `Answered` only after the caller was
 * interrupted. A request that is retried goes from `Sending` through `Ending` back to the queue.
 */
export const moves: { readonly [K in State]: number } = {
  [New]: Queued | Resting | Failed | Cancelled,
  [Queued]: Opening | Resting | Ending | Queued | Failed | Cancelled,
  [Opening]: Queued | Resting | Ending | Failed | Cancelled,
  [Resting]: Sending | Queued | Resting | Ending | Failed | Cancelled,
  [Sending]: Answered | Ending | Queued | Failed | Cancelled,
  [Ending]: Queued | Resting | Ending | Failed | Cancelled,
  [Answered]: Cancelled,
  [Failed]: 0,
  [Cancelled]: 0
}
