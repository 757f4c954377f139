import { defineConfig } from "tsup"

// Declarations come from `tsc -p tsconfig.build.json`: TypeScript 7 has no compiler API for tsup's `dts`.
export default defineConfig({
  entry: ["src/index.ts"],
  format: "esm",
  target: "node20",
  platform: "node",
  sourcemap: true,
  clean: true,
  silent: true
})
