/**
 * Options that may differ from one opening to the next: the caller's Effects for `tls` and for the
 * credentials of a proxy. They are asked for before the first step of an opening, so that the steps
 * see only options.
 *
 * It also remembers which connections have the newest options. As soon as a connection with other
 * options is open, those with older ones are outdated: they serve no further request. Until then
 * they do, so that options that do not work replace nothing.
 */
import type * as Tls from "../../Tls.ts"
import { CredentialsError } from "../error/connect.ts"
import { InvalidOption } from "../error/request.ts"
import { HttpTimeout } from "../error/timeout.ts"
import type { Abort, Answer, Caller, Host } from "../model/ports.ts"
import type { Source } from "../model/source.ts"
import { isSource } from "../model/source.ts"
import { defaultOptions, keyed } from "../model/tlsOptions.ts"
import type { Resolved, Rotating, Settings, Way } from "./settings.ts"
import type { TimerOwner, TimerQueue } from "./timers.ts"
import { Timer } from "./timers.ts"

/** One question. It ends once; what is answered after its limit is ignored. */
class Question implements TimerOwner {
  readonly #millis: number
  readonly #timers: TimerQueue
  readonly #timer = new Timer(this)
  #done: ((answer: Answer | HttpTimeout) => void) | undefined
  #abort: Abort | undefined

  constructor(millis: number, timers: TimerQueue, done: (answer: Answer | HttpTimeout) => void) {
    this.#millis = millis
    this.#timers = timers
    this.#done = done
  }

  ask(host: Host, source: Source, caller: Caller): Abort {
    this.#timers.start(this.#timer, this.#millis)
    this.#abort = host.ask(source, caller, (answer) => this.#end(answer))
    return () => this.#abort?.()
  }

  onTimeout(): void {
    this.#end(new HttpTimeout({ kind: "connect", millis: this.#millis }))
    this.#abort?.()
  }

  #end(answer: Answer | HttpTimeout): void {
    const done = this.#done
    this.#done = undefined
    this.#timers.cancel(this.#timer)
    done?.(answer)
  }
}

export class Rotation implements Rotating {
  readonly #tls: Source
  /** By the options, as long as they are used. */
  readonly #ways = new WeakMap<Tls.Options, Way>()
  #asked = 0
  /** The newest options, and how many questions had been asked when they were asked for. */
  #last: { readonly way: Way; readonly asked: number } | undefined
  /** The newest options that a connection was opened with. */
  #current: Way | undefined

  constructor(tls: Source) {
    this.#tls = tls
  }

  resolve(way: Way, millis: number, caller: Caller, done: (resolved: Resolved) => void): Abort {
    const { settings: { host, timers } } = way
    const asked = ++this.#asked
    return new Question(millis, timers, (answer) => {
      if (answer instanceof HttpTimeout) return done({ _tag: "Failed", error: answer })
      switch (answer._tag) {
        case "Given": {
          const options = keyed(answer.value as Tls.Options)
          return done(
            options instanceof InvalidOption
              ? { _tag: "Failed", error: new CredentialsError({ option: "tls", cause: options }) }
              : { _tag: "Resolved", way: this.#wayOf(way, options.options, asked) }
          )
        }
        case "Failed":
          return done({ _tag: "Failed", error: new CredentialsError({ option: "tls", cause: answer.error }) })
        default:
          return done(answer)
      }
    }).ask(host, this.#tls, caller)
  }

  opened(way: Way): boolean {
    if (way !== this.#last?.way || way === this.#current) return false
    this.#current = way
    return true
  }

  isOutdated(way: Way): boolean {
    return this.#current !== undefined && way !== this.#current
  }

  /** Options with the same content are one object, and so are the ways with them. */
  #wayOf({ settings, tunnel }: Way, tls: Tls.Options, asked: number): Way {
    const known = this.#ways.get(tls)
    const way = known !== undefined && known.tunnel === tunnel ? known : { settings: { ...settings, tls }, tunnel }
    this.#ways.set(tls, way)
    if (this.#last === undefined || asked > this.#last.asked) this.#last = { way, asked }
    return way
  }
}

/** The settings for TLS, if there is any. What is asked for becomes known with an opening. */
export const withTls = (tls: Tls.Input | undefined): Pick<Settings, "tls" | "rotation"> =>
  isSource(tls)
    ? { tls: defaultOptions, rotation: new Rotation(tls) }
    : { tls: tls as Tls.Options | undefined, rotation: undefined }
