/**
 * The paths of unix sockets. `@name` is an abstract socket, which has a name and no file (Linux:
 * unix(7)). The kernel writes it as a NUL and the name. That is accepted too, and becomes `@name`,
 * because a NUL is lost in logs, configuration files and environments.
 */
import { InvalidUrl } from "../error/request.ts"

const invalid = (reason: string): InvalidUrl => new InvalidUrl({ part: "socketPath", reason })

/** True for the name of an abstract socket. A file whose name begins with `@` is `./@name`. */
export const isAbstract = (socketPath: string): boolean => socketPath.startsWith("@") || socketPath.startsWith("\0")

/**
 * Returns the path in canonical form. The dialer checks its length, because it knows the system.
 */
export const parseSocketPath = (socketPath: string): string | InvalidUrl => {
  if (typeof socketPath !== "string") return invalid("it is not a string")
  if (socketPath === "") return invalid("it is empty")
  if (socketPath.includes("\0", 1)) return invalid("it has a NUL")
  if (!isAbstract(socketPath)) return socketPath
  return socketPath.length === 1 ? invalid("an abstract socket needs a name") : `@${socketPath.slice(1)}`
}
