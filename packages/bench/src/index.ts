export * from "./Accuracy.ts"
export * from "./Bootstrap.ts"
