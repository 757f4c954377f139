export * from "./GenerateGraph.ts"
export * from "./Projection.ts"
export * from "./Sampling.ts"
