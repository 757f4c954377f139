import { fileURLToPath } from "node:url"

const at = (file) => fileURLToPath(new URL(file, import.meta.url))

/** @type {import("jest").Config} */
export default {
  testMatch: ["<rootDir>/test/**/*.test.ts"],
  testEnvironment: at("./jest.environment.mjs"),
  testEnvironmentOptions: { customExportConditions: ["@ifrl/source", "node", "node-addons"] },
  // Nx runs two projects at once, and ONNX Runtime has threads of its own: one process a project is what fits two cores.
  maxWorkers: 1,
  // A limit for what hangs, not for what is slow: the machine may be busy.
  testTimeout: 300_000,
  reporters: ["default", at("./jest.reporter.mjs")],
  extensionsToTreatAsEsm: [".ts"],
  transform: {
    "^.+\\.ts$": ["@swc/jest", { jsc: { parser: { syntax: "typescript" }, target: "es2022" }, module: { type: "es6" } }]
  }
}
