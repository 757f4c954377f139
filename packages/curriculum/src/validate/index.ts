export { type Sense, senses, type Stated } from "./Sense.ts"
export * from "./Validate.ts"
