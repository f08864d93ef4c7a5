/** All scenarios, in the order in which they run and the report shows them. */
import type { Scenario } from "../scenario.ts"
import { scenarios as bodies } from "./bodies.ts"
import { scenarios as chunks } from "./chunks.ts"
import { scenarios as growth } from "./growth.ts"
import { scenarios as heads } from "./heads.ts"
import { scenarios as idle } from "./idle.ts"
import { scenarios as origins } from "./origins.ts"
import { scenarios as post } from "./post.ts"
import { scenarios as small } from "./small.ts"
import { scenarios as startup } from "./startup.ts"
import { scenarios as survivors } from "./survivors.ts"
import { scenarios as tls } from "./tls.ts"
import { scenarios as transfers } from "./transfers.ts"
import { scenarios as waiters } from "./waiters.ts"
import { scenarios as warm } from "./warm.ts"

export const scenarios: ReadonlyArray<Scenario> = [
  ...small,
  ...post,
  ...bodies,
  ...transfers,
  ...chunks,
  ...tls,
  ...waiters,
  ...origins,
  ...idle,
  ...survivors,
  ...heads,
  ...startup,
  ...growth,
  ...warm
]
