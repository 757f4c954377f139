import { TestEnvironment } from "jest-environment-node"

const shared = [
  "ArrayBuffer", "SharedArrayBuffer",
  "Int8Array", "Uint8Array", "Uint8ClampedArray", "Int16Array", "Uint16Array", "Int32Array", "Uint32Array",
  "BigInt64Array", "BigUint64Array", "Float32Array", "Float64Array"
]

/**
 * ONNX Runtime's native addon allocates its outputs in the main realm, while `ort.Tensor` checks them
 * against the constructors of the realm that imported it. Tests therefore share the main realm's.
 */
export default class OrtEnvironment extends TestEnvironment {
  async setup() {
    await super.setup()
    for (const name of shared) this.global[name] = globalThis[name]
  }
}
