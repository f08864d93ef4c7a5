/**
 * Creates a file name from text of a server, so that it can be joined to a folder of this machine.
 * The result is one segment of a path on any system.
 *
 * The server chooses the name, so no regular expression here backtracks.
 */

/** The longest name of most file systems, in bytes of UTF-8. */
const longest = 255

/** The longest extension that is kept. */
const longestExtension = 32

/** Names of devices on Windows, with any extension. */
const isDevice = /^(?:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(?:COM|LPT)[0-9\xb9\xb2\xb3])$/i

const isSpaceOrDot = (char: string): boolean => char === "." || char.trim() === ""

/** Removes spaces from both ends, and dots from the end, where Windows ignores them. */
const trimmed = (name: string): string => {
  let end = name.length
  while (end > 0 && isSpaceOrDot(name.charAt(end - 1))) end--
  return name.slice(0, end).trimStart()
}

/** Shortens a name and keeps its extension and whole characters. */
const shortened = (name: string): string => {
  if (Buffer.byteLength(name) <= longest) return name
  const dot = name.lastIndexOf(".")
  const extension = dot > 0 && Buffer.byteLength(name.slice(dot)) <= longestExtension ? name.slice(dot) : ""
  let room = longest - Buffer.byteLength(extension)
  let end = 0
  for (const char of name) {
    room -= Buffer.byteLength(char)
    if (room < 0) break
    end += char.length
  }
  return trimmed(name.slice(0, end)) + extension
}

/**
 * Returns a name without folders, or `undefined` if nothing is left of it. Control characters and
 * invisible ones, which can hide an extension, are removed. Characters that Windows does not allow
 * become `_`, as does the dot of a hidden file. The name of a device gets a `_` before it.
 */
export const safeFileName = (name: string): string | undefined => {
  if (typeof name !== "string") return undefined
  const segment = name.slice(Math.max(name.lastIndexOf("/"), name.lastIndexOf("\\")) + 1)
  const visible = segment
    .replace(/[\p{Control}\p{Format}\p{Surrogate}\p{Line_Separator}\p{Paragraph_Separator}]/gu, "")
    .replace(/[<>:"|?*]/g, "_")
  const plain = trimmed(visible)
  if (plain === "") return undefined
  const shown = plain.startsWith(".") ? `_${plain.slice(1)}` : plain
  const dot = shown.indexOf(".")
  const base = dot < 0 ? shown : shown.slice(0, dot)
  return shortened(isDevice.test(base.trimEnd()) ? `_${shown}` : shown)
}
