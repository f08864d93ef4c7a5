/** `npm run docs:test`: the built site in a real browser. Not a part of `npm test`, which needs no build. */
import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["test/site/*.browser.ts"],
    // All pages share one browser.
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000
  }
})
