/**
 * Reports interim responses (1xx) as they arrive to code of the caller, which must not be able to
 * break an exchange. Only a request that asks for them has such an object.
 */
import type { Informational } from "../../HttpResponse.ts"
import type { Caller, Host } from "../model/ports.ts"
import type { OnInformational } from "../model/requestOptions.ts"

export class InterimListener {
  readonly #listen: OnInformational
  readonly #caller: Caller
  readonly #host: Pick<Host, "logError">

  constructor(listen: OnInformational, caller: Caller, host: Pick<Host, "logError">) {
    this.#listen = listen
    this.#caller = caller
    this.#host = host
  }

  /** Reports one. What the listener throws goes to the log, because no caller could handle it. */
  report(informational: Informational): void {
    this.#caller.context.run(() => {
      try {
        this.#listen(informational)
      } catch (defect) {
        this.#host.logError(`\`onInformational\` threw at the status ${informational.status}`, defect)
      }
    })
  }
}
