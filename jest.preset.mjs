import { fileURLToPath } from "node:url"

/** @type {import("jest").Config} */
export default {
  testMatch: ["<rootDir>/test/**/*.test.ts"],
  testEnvironment: fileURLToPath(new URL("./jest.environment.mjs", import.meta.url)),
  testEnvironmentOptions: { customExportConditions: ["@ifrl/source", "node", "node-addons"] },
  extensionsToTreatAsEsm: [".ts"],
  transform: {
    "^.+\\.ts$": ["@swc/jest", { jsc: { parser: { syntax: "typescript" }, target: "es2022" }, module: { type: "es6" } }]
  }
}
