export * from "./Accuracy.ts"
export * from "./BenchError.ts"
export * from "./Bootstrap.ts"
export * from "./Judge.ts"
export { htmlReport } from "./report/Report.ts"
export { printSuiteResult } from "./report/Text.ts"
export * from "./Responses.ts"
export * from "./SuiteResult.ts"
export * from "./suites/index.ts"
export type {
  Caveat, Cell, InstructionVerdict, RecordVerdict, Suite, SuiteRecord, Table
} from "./suites/Suite.ts"
export { versions } from "./Version.ts"
