/**
 * Pairs the requests of a connection with their responses, in the bytes that both sides have sent.
 */
import type { Event } from "./model.ts"
import { type Message, Reader, type Side } from "./reader.ts"
import { replyLength } from "./socks.ts"
import { Store } from "./store.ts"

/** A request and its responses, as far as they were exchanged. */
export interface Exchange {
  readonly request: Message
  readonly interim: ReadonlyArray<Message>
  readonly response: Message | undefined
}

export interface Dialogue {
  readonly client: Reader
  readonly server: Reader
  readonly exchanges: ReadonlyArray<Exchange>
}

/** Returns all bytes of one side. */
const sentBy = (side: Side, events: ReadonlyArray<Event>): Store => {
  const store = new Store()
  for (const event of events) if (event._tag === "Bytes" && event.from === side) store.append(event.bytes)
  return store
}

/** Reads the final response to a request, with the informational ones before it. */
const answer = (request: Message, client: Reader, server: Reader): Exchange => {
  const interim: Array<Message> = []
  for (;;) {
    const part = server.next(request.method)
    if (part?._tag === "Message" && part.status === 101) {
      client.becomeRaw()
      server.becomeRaw()
    } else if (part?._tag === "Message" && part.status < 200) {
      interim.push(part)
      continue
    }
    const last = part ?? server.parts.at(-1)
    const isMine = last?._tag === "Message" && (part !== undefined || last.end < 0)
    return { request, interim, response: isMine ? last : undefined }
  }
}

/** Splits a connection into its requests and responses. */
export const converse = (events: ReadonlyArray<Event>): Dialogue => {
  const client = new Reader("Client", sentBy("Client", events))
  const server = new Reader("Server", sentBy("Server", events))
  const exchanges: Array<Exchange> = []
  for (let part = client.next(); part !== undefined; part = client.next()) {
    if (part._tag === "Message") exchanges.push(answer(part, client, server))
    else if (part._tag === "Socks") {
      const reply = replyLength(
        client.store.view.subarray(part.start, part.end),
        server.store.view.subarray(server.position)
      )
      server.skip(reply ?? server.store.length)
    }
  }
  client.finish()
  const last = client.parts.at(-1)
  // A request that is not complete may have been answered.
  if (last?._tag === "Message" && last.end < 0) exchanges.push(answer(last, client, server))
  // Bytes that the server sent without a request.
  while (server.next() !== undefined);
  server.finish()
  return { client, server, exchanges }
}
