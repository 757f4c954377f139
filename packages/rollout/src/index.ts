export * from "./Sampling.ts"
