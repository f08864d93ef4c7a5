/**
 * Options that may differ from one opening to the next: the caller's Effects for `tls` and for the
 * credentials of a proxy. They run before the first step of an opening, so that the steps see only
 * options.
 *
 * It also remembers which connections have the newest options. As soon as a connection with other
 * options is open, those with older ones are outdated, and serve no further request. Until then
 * they serve requests, so that options that do not work replace nothing.
 */
import type * as Tls from "../../Tls.ts"
import { CredentialsError } from "../error/connect.ts"
import { InvalidOption } from "../error/request.ts"
import { HttpTimeout } from "../error/timeout.ts"
import type { Abort, Answer, Caller, Host } from "../model/ports.ts"
import type { GivenCredentials, Proxy } from "../model/proxy.ts"
import { asksForCredentials, fieldsOf, keyOf, sourceOf } from "../model/proxy.ts"
import { withCredentials } from "../model/proxyParts.ts"
import type { Source } from "../model/source.ts"
import { isSource } from "../model/source.ts"
import { defaultOptions, keyed } from "../model/tlsOptions.ts"
import type { Resolved, Rotating, Settings, Tunnel, Way } from "./settings.ts"
import type { TimerOwner, TimerQueue } from "./timers.ts"
import { Timer } from "./timers.ts"

/** One evaluation of the options. It ends once; a result after its limit is ignored. */
class Question implements TimerOwner {
  readonly #option: CredentialsError["option"]
  readonly #millis: number
  readonly #timers: TimerQueue
  readonly #timer: Timer
  #done: ((answer: Answer | HttpTimeout) => void) | undefined
  #abort: Abort | undefined

  constructor(
    option: CredentialsError["option"],
    millis: number,
    timers: TimerQueue,
    awaited: boolean,
    done: (answer: Answer | HttpTimeout) => void
  ) {
    this.#option = option
    this.#timer = new Timer(this, awaited)
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
    this.#end(new HttpTimeout({ kind: "connect", millis: this.#millis, option: this.#option }))
    this.#abort?.()
  }

  #end(answer: Answer | HttpTimeout): void {
    const done = this.#done
    this.#done = undefined
    this.#timers.cancel(this.#timer)
    done?.(answer)
  }
}

/** The most options that are remembered, so that the same content is recognized. */
const remembered = 4

export class Rotation implements Rotating {
  readonly #tls: Source | undefined
  /** A proxy whose credentials are an Effect. */
  readonly #proxy: Proxy | undefined
  /** The routes with the latest options, each with the tunnel that it was made from. */
  #ways: ReadonlyArray<{ readonly way: Way; readonly from: Tunnel | undefined }> = []
  #asked = 0
  /** The newest options, and the number of the evaluation that returned them. */
  #last: { readonly way: Way; readonly asked: number } | undefined
  /** The newest options that a connection was opened with. */
  #current: Way | undefined

  constructor(tls: Source | undefined, proxy: Proxy | undefined) {
    this.#tls = tls
    this.#proxy = proxy
  }

  resolve(way: Way, millis: number, caller: Caller, done: (resolved: Resolved) => void): Abort {
    const { settings: { host, timers } } = way
    const proxy = this.#proxy
    const credentials = proxy && sourceOf(proxy)
    const asked = ++this.#asked
    let abort: Abort | undefined
    const ask = <A>(
      option: CredentialsError["option"],
      source: Source,
      check: (value: unknown) => A | InvalidOption,
      next: (value: A) => void
    ): void => {
      abort = new Question(option, millis, timers, caller.isBackground !== true, (answer) => {
        if (answer instanceof HttpTimeout) return done({ _tag: "Failed", error: answer })
        if (answer._tag === "Failed") {
          return done({ _tag: "Failed", error: new CredentialsError({ option, cause: answer.error }) })
        }
        if (answer._tag !== "Given") return done(answer)
        const value = check(answer.value)
        if (!(value instanceof InvalidOption)) return next(value)
        done({ _tag: "Failed", error: new CredentialsError({ option, cause: value }) })
      }).ask(host, source, caller)
    }
    const askTls = (resolved: Proxy | undefined): void => {
      const finish = (tls: Tls.Options | undefined): void =>
        done({ _tag: "Resolved", way: this.#wayOf(way, tls, resolved, asked) })
      if (this.#tls === undefined) return finish(way.settings.tls)
      const check = (value: unknown): Tls.Options | InvalidOption => {
        const made = keyed(value as Tls.Options)
        return made instanceof InvalidOption ? made : made.options
      }
      ask("tls", this.#tls, check, finish)
    }
    if (proxy === undefined || credentials === undefined) askTls(way.settings.proxy)
    else ask("proxy.credentials", credentials, (value) => withCredentials(proxy, value as GivenCredentials), askTls)
    return () => abort?.()
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
  #wayOf({ settings, tunnel }: Way, tls: Tls.Options | undefined, proxy: Proxy | undefined, asked: number): Way {
    const known = this.#ways.find(({ from, way }) =>
      from === tunnel && way.settings.tls === tls
      && (way.settings.proxy === proxy || (proxy && way.settings.proxy && keyOf(way.settings.proxy) === keyOf(proxy)))
    )
    const through = tunnel && this.#proxy && proxy ? { ...tunnel, fields: fieldsOf(proxy) } : tunnel
    const way = known?.way ?? { settings: { ...settings, tls, proxy }, tunnel: through }
    if (known === undefined) this.#ways = [{ way, from: tunnel }, ...this.#ways].slice(0, remembered)
    if (this.#last === undefined || asked > this.#last.asked) this.#last = { way, asked }
    return way
  }
}

/**
 * Returns the settings for TLS and a proxy. Effects are evaluated by an opening. Until then TLS has
 * the default options, and the proxy no credentials.
 */
export const withSources = (
  tls: Tls.Input | undefined,
  proxy: Proxy | undefined
): Pick<Settings, "tls" | "proxy" | "rotation"> => {
  const source = isSource(tls) ? tls : undefined
  const asked = asksForCredentials(proxy) ? proxy : undefined
  return {
    tls: source === undefined ? tls as Tls.Options | undefined : defaultOptions,
    proxy,
    rotation: source === undefined && asked === undefined ? undefined : new Rotation(source, asked)
  }
}
