/**
 * The secrets, and their replacements: values of fields, parameters of URLs and forms, members of
 * JSON.
 *
 * All texts are ISO-8859-1, so that a character is a byte. Rule: redacting a redacted text changes
 * nothing, because a request is compared with a recorded one after both were redacted.
 */

/** The replacement of the value of a field or a member. */
export const redacted = "<redacted>"

/**
 * The replacement of a value in a URL or a form, in which other characters would have to be
 * encoded.
 */
export const redactedParameter = "redacted"

/** Documented in `Cassette`. */
export interface BodyFacts {
  /** `Raw`: bytes after an upgrade or in a tunnel, split as they were received. */
  readonly kind: "Request" | "Response" | "Raw"
  /** The method and the target of the request; empty for `Raw`. */
  readonly method: string
  readonly target: string
  /** The value of Content-Type; empty without one. */
  readonly contentType: string
}

/** Documented in `Cassette`. */
export interface Redact {
  readonly fields?: ReadonlyArray<string | RegExp> | undefined
  readonly names?: ReadonlyArray<string | RegExp> | undefined
  readonly replace?: ((body: Uint8Array, about: BodyFacts) => Uint8Array) | undefined
}

/**
 * The parameters and members that are secret by default: in any case, and with and without `-` and
 * `_`.
 */
export const secretNames: ReadonlyArray<string> = Object.freeze([
  "access_token",
  "api_key",
  "apikey",
  "assertion",
  "auth_token",
  "awsaccesskeyid",
  "client_assertion",
  "client_secret",
  "code_verifier",
  "id_token",
  "passphrase",
  "password",
  "passwd",
  "private_key",
  "refresh_token",
  "secret",
  "secret_access_key",
  "session_token",
  "sig",
  "signature",
  "token",
  "x-amz-credential",
  "x-amz-security-token",
  "x-amz-signature",
  "x-goog-credential",
  "x-goog-signature"
])

/** The schemes that stay before redacted credentials, because a reader must see them. */
const schemes =
  /^(?:AWS4-HMAC-SHA256|Basic|Bearer|Digest|DPoP|HOBA|Mutual|Negotiate|NTLM|PrivateToken|SCRAM-[A-Z0-9-]+) +(?=\S)/i

/** Fields that are secret by their name, besides those of a list: `X-Vault-Token`, `api-key`. */
const secretField = /(?:token|secret|password|api-?key|access-key|subscription-key)$/

/** Returns a name in the form in which it is compared: `accessToken` is `access_token`. */
const plainName = (name: string): string => name.toLowerCase().replace(/[-_]/g, "")

const matcher = (
  patterns: ReadonlyArray<string | RegExp>,
  plain = (name: string) => name.toLowerCase()
): (name: string) => boolean => {
  const names = new Set<string>()
  const expressions: Array<RegExp> = []
  for (const pattern of patterns) {
    if (typeof pattern === "string") names.add(plain(pattern))
    // Without the flags that make `test` remember its last position.
    else expressions.push(new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, "")))
  }
  return (name) => {
    const lower = name.toLowerCase()
    return names.has(plain(name)) || expressions.some((expression) => expression.test(lower))
  }
}

const decoded = (name: string): string => {
  try {
    return decodeURIComponent(name.replaceAll("+", " "))
  } catch {
    return name
  }
}

export class Secrets {
  readonly isField: (name: string) => boolean
  readonly replace: Redact["replace"]
  readonly #isName: (name: string) => boolean

  constructor(fields: ReadonlyArray<string | RegExp>, { fields: more = [], names = [], replace }: Redact) {
    this.isField = matcher([...fields, ...more, secretField])
    this.#isName = matcher([...secretNames, ...names], plainName)
    this.replace = replace
  }

  /** Returns the value of a field without secrets; `cut` as in `url`. */
  value(name: string, value: string, cut = false): string {
    if (!this.isField(name)) return this.url(value, cut)
    if (value === "") return value
    switch (name.toLowerCase()) {
      case "cookie":
        return value.split(";").map(withoutCookie).join(";")
      case "set-cookie": {
        // The attributes stay, so that a cookie jar does the same with it.
        const [pair = "", ...attributes] = value.split(";")
        return [withoutCookie(pair), ...attributes].join(";")
      }
      case "authorization":
      case "proxy-authorization":
        return `${schemes.exec(value)?.[0] ?? ""}${redacted}`
      default:
        return redacted
    }
  }

  /**
   * Returns a text without the user information and the secret parameters of the URLs in it. If the
   * text was `cut`, an authority at its end may be the beginning of user information.
   */
  url(text: string, cut = false): string {
    const whole = cut ? text.replace(/((?::|^|[\s"'<=])\/\/)[^/?#\s"<>@]+$/, `$1${redactedParameter}`) : text
    return this.#parameters(
      // Without a scheme too: a reference may begin with the authority.
      whole.replace(/(:|^|[\s"'<=])(\/\/)[^/?#\s"<>]*@/g, `$1$2${redactedParameter}@`),
      /[?&;#]([^=&#;?\s"<>]+)=/g,
      /[&#\s"<>]/g
    )
  }

  form(text: string): string {
    return this.#parameters(text, /(?:^|&)([^=&]+)=/g, /&/g)
  }

  /** Replaces the values of secret parameters. `begin` finds a name with its `=`, `end` the end. */
  #parameters(text: string, begin: RegExp, end: RegExp): string {
    let result = ""
    let at = 0
    for (let found = begin.exec(text); found !== null; found = begin.exec(text)) {
      if (!this.#isName(decoded(found[1] ?? ""))) {
        // The separator after it may begin the next one.
        begin.lastIndex = found.index + found[0].length
        continue
      }
      const from = begin.lastIndex
      end.lastIndex = from
      const to = end.exec(text)?.index ?? text.length
      result += text.slice(at, from) + (to > from ? redactedParameter : "")
      at = begin.lastIndex = to
    }
    return result + text.slice(at)
  }

  /**
   * Returns a JSON text, or the beginning of one, without the values of secret members: texts and
   * numbers, also within lists and records.
   */
  json(text: string): string {
    let result = ""
    let at = 0
    let quote = text.indexOf("\"")
    while (quote >= 0) {
      const end = endOfText(text, quote)
      if (end < 0) break
      const colon = spaceFrom(text, end)
      if (text.charAt(colon) !== ":") {
        // The quote that ends a text may begin one, if the JSON is broken.
        quote = end - 1
        continue
      }
      if (!this.#isName(unescaped(text.slice(quote + 1, end - 1)))) {
        quote = text.indexOf("\"", colon)
        continue
      }
      const from = spaceFrom(text, colon + 1)
      const to = endOfValue(text, from)
      result += text.slice(at, from) + withoutValues(text.slice(from, to))
      at = to
      quote = text.indexOf("\"", to)
    }
    return this.#withinTexts(result + text.slice(at))
  }

  /** Searches the texts of JSON: URLs, and members of JSON that is such a text. */
  #withinTexts(json: string): string {
    const members = json.replace(
      /(\\"([^"\\]+)\\"\s*:\s*)\\"[^"\\]*(?:\\"|\\?$)/g,
      (whole: string, before: string, name: string) => this.#isName(name) ? `${before}\\"${redacted}\\"` : whole
    )
    return this.#parameters(
      members.replace(/([:\s"'<=])(\\?\/\\?\/)[^/?#\s"<>\\]*(?:@|$)/g, `$1$2${redactedParameter}@`),
      /(?:[?&;#]|\\u0026)([^=&#;?\s"<>\\]+)=/g,
      /[&#\s"<>\\]/g
    )
  }
}

/** Returns the offset of the first quote after `from` that is not escaped; -1 without one. */
const nextQuote = (text: string, from: number): number => {
  for (let at = text.indexOf("\"", from + 1); at >= 0; at = text.indexOf("\"", at + 1)) {
    let escapes = at
    while (escapes - 1 > from && text.charAt(escapes - 1) === "\\") escapes--
    if ((at - escapes) % 2 === 0) return at
  }
  return -1
}

/**
 * Returns the offset after the text whose quote is at `from`; -1 if it is unfinished. Not a regular
 * expression, because those need a stack for a text of some megabytes.
 */
const endOfText = (text: string, from: number): number => nextQuote(text, from) + 1 || -1

const spaceFrom = (text: string, from: number): number => {
  let at = from
  while (/[ \t\r\n]/.test(text.charAt(at))) at++
  return at
}

const withoutCookie = (pair: string): string => {
  const equals = pair.indexOf("=")
  const name = equals < 0 ? /^\s*/.exec(pair)?.[0] ?? "" : pair.slice(0, equals + 1)
  return name.length === pair.length ? pair : name + redacted
}

const unescaped = (name: string): string => {
  try {
    return String(JSON.parse(`"${name}"`))
  } catch {
    return name
  }
}

/** A number, or one of the words. */
const scalar = /-?[0-9][0-9.eE+-]*|[a-z]+/y

/** Returns the offset after the JSON value at `from`; the end if it is unfinished. */
const endOfValue = (text: string, from: number): number => {
  let depth = 0
  let at = from
  while (at < text.length) {
    const character = text.charAt(at)
    if (character === "{" || character === "[") depth++
    else if (character === "}" || character === "]") depth--
    else if (character === "\"") {
      const end = endOfText(text, at)
      if (end < 0) return text.length
      if (depth <= 0) return end
      at = end
      continue
    } else {
      scalar.lastIndex = at
      if (scalar.test(text)) {
        at = scalar.lastIndex
        if (depth <= 0) return at
        continue
      }
      if (depth <= 0 && character === ",") return at
    }
    at++
    if (depth <= 0 && /[}\]]/.test(character)) return depth < 0 ? at - 1 : at
  }
  return text.length
}

/** Returns a JSON value with the same shape. Names of members stay. */
const withoutValues = (value: string): string => {
  let result = ""
  let at = 0
  for (let quote = value.indexOf("\""); quote >= 0; quote = value.indexOf("\"", at)) {
    result += withoutNumbers(value.slice(at, quote))
    const end = endOfText(value, quote)
    const isMember = end >= 0 && value.charAt(spaceFrom(value, end)) === ":"
    result += isMember ? value.slice(quote, end) : JSON.stringify(redacted)
    at = end < 0 ? value.length : end
  }
  return result + withoutNumbers(value.slice(at))
}

const withoutNumbers = (text: string): string => text.replace(/-?[0-9][0-9.eE+-]*/g, "0")
