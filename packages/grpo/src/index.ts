export * from "./Advantages.ts"
export * from "./TokenWeights.ts"
