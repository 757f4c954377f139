import { describe, expect, test } from "@jest/globals"
import { Tensor } from "@ifrl/runtime"
import { readdir, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { readSafetensors, readSafetensorsHeader, writeSafetensors } from "../src/index.ts"
import { failure, fixture, run, withFolder } from "./support.ts"

/** A file from its parts, so that each can lie. */
const compose = (header: unknown, data: Uint8Array, claim?: number): Uint8Array => {
  const text = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header))
  const bytes = new Uint8Array(8 + text.length + data.length)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(claim ?? text.length), true)
  bytes.set(text, 8)
  bytes.set(data, 8 + text.length)
  return bytes
}
const a = { dtype: "F32", shape: [2], data_offsets: [0, 8] }
const b = { dtype: "F32", shape: [1, 2], data_offsets: [8, 16] }
const data = new Uint8Array(16)

const special = [
  0,
  -0,
  1,
  -1,
  1.5,
  65504,
  -65504,
  2 ** -14,
  2 ** -24,
  3 * 2 ** -26,
  1 / 3,
  1e-5,
  6.1e-5,
  0.1,
  2049,
  1 + 2 ** -11,
  3.5e3
]

describe("writing and reading", () => {
  test("keeps every type, shape and the metadata", () =>
    withFolder(async (folder) => {
      const file = join(folder, "all.safetensors")
      const tensors = new Map<string, Tensor>([
        ["float32", Tensor.from("float32", [2, 3], [1, -2, 3.5, 1e-30, 1e30, 0])],
        ["float64", Tensor.from("float64", [2], [Math.PI, -1e300])],
        ["float16", Tensor.from("float16", [3], [1, -0.5, 65504])],
        ["bfloat16", Tensor.from("bfloat16", [3], [1, -0.5, 1e30])],
        ["int64", Tensor.from("int64", [2], [2n ** 60n, -1n])],
        ["bool", Tensor.from("bool", [3], [1, 0, 1])],
        ["scalar", Tensor.from("int32", [], [7])],
        ["empty", Tensor.zeros("float32", [0, 4])]
      ])
      await run(writeSafetensors(file, tensors, { metadata: { step: "12" } }))
      const read = await run(readSafetensors(file))
      expect(read.metadata).toEqual({ format: "pt", step: "12" })
      expect([...read.tensors.keys()].sort()).toEqual([...tensors.keys()].sort())
      for (const [name, tensor] of read.tensors) {
        expect([name, tensor.type, tensor.dims]).toEqual([name, tensors.get(name)!.type, tensors.get(name)!.dims])
        expect(tensor.data).toEqual(tensors.get(name)!.data)
      }
      expect(await readdir(folder)).toEqual(["all.safetensors"])
    }))

  test("reads into given memory and only what is selected", () =>
    withFolder(async (folder) => {
      const file = join(folder, "two.safetensors")
      await run(
        writeSafetensors(file, [
          ["a", Tensor.from("float32", [2], [1, 2])],
          ["b", Tensor.from("float32", [1], [3])]
        ])
      )
      const mine = Tensor.zeros("float32", [2])
      const { tensors } = await run(
        readSafetensors(file, { into: new Map([["a", mine]]), select: (name) => name === "a" })
      )
      expect(tensors.get("a")).toBe(mine)
      expect([...mine.data]).toEqual([1, 2])
      expect(tensors.size).toBe(1)
      const wrong = await failure(readSafetensors(file, { into: new Map([["b", Tensor.zeros("float32", [2])]]) }))
      expect(wrong.tensor).toBe("b")
    }))

  test("float32 through float16 and bfloat16 rounds to nearest even", () =>
    withFolder(async (folder) => {
      const source = Tensor.from("float32", [special.length], special)
      for (const floats of ["float16", "bfloat16"] as const) {
        const file = join(folder, `${floats}.safetensors`)
        await run(writeSafetensors(file, [["x", source]], { floats }))
        const stored = (await run(readSafetensors(file))).tensors.get("x")!
        // @ifrl/runtime rounds element by element, by another method.
        expect(stored.data).toEqual(Tensor.from(floats, [special.length], special).data)
        const back = (await run(readSafetensors(file, { floats: "float32" }))).tensors.get("x")!
        expect(back.type).toBe("float32")
        back.data.forEach((x, i) => {
          expect(Math.abs(Number(x) - special[i]!)).toBeLessThanOrEqual(
            Math.max(Math.abs(special[i]!) * 2 ** (floats === "float16" ? -11 : -8), 2 ** -25)
          )
        })
      }
    }))

  test("agrees with the files of the Python library", async () => {
    const { tensors } = await run(readSafetensors(fixture("dtypes.safetensors"), { finite: false }))
    const wide = (await run(readSafetensors(fixture("dtypes.safetensors"), { finite: false, floats: "float32" })))
      .tensors
    for (const name of ["float16", "bfloat16"]) {
      const expected = tensors.get(`${name}.as_float32`)!
      expect(wide.get(name)!.data).toEqual(expected.data)
      await withFolder(async (folder) => {
        const file = join(folder, "x.safetensors")
        await run(
          writeSafetensors(file, [["x", tensors.get(`${name}.from_float32`)!]], {
            floats: name as "float16",
            finite: false
          })
        )
        expect((await run(readSafetensors(file, { finite: false }))).tensors.get("x")!.data).toEqual(
          tensors.get(`${name}.rounded`)!.data
        )
      })
    }
  })
})

describe("damaged files are refused by what is wrong with them", () => {
  test.each<[string, Uint8Array, RegExp, string | undefined]>([
    ["too short for a header", new Uint8Array(5), /5 bytes, fewer than a header/, undefined],
    ["a header longer than the file", compose({ a, b }, data, 10_000), /claims a header of 10000 bytes/, undefined],
    ["a header that is not JSON", compose('{"a": ', data), /not JSON/, undefined],
    ["a header that is a list", compose("[]", data), /not a JSON object/, undefined],
    ["truncated data", compose({ a, b }, data.subarray(0, 12)), /truncated/, "b"],
    ["trailing bytes", compose({ a, b }, new Uint8Array(20)), /4 bytes that belong to no tensor/, undefined],
    [
      "overlapping tensors",
      compose({ a, b: { ...b, data_offsets: [4, 12] } }, data.subarray(0, 12)),
      /overlaps the bytes of "a"/,
      "b"
    ],
    ["a gap", compose({ a, b: { ...b, data_offsets: [12, 20] } }, new Uint8Array(20)), /4 bytes unused/, "b"],
    [
      "a size that contradicts the shape",
      compose({ a: { ...a, shape: [3] }, b }, data),
      /takes 12 bytes and the header gives it 8/,
      "a"
    ],
    ["a reversed range", compose({ a: { ...a, data_offsets: [8, 0] } }, data), /byte range \[8,0\]/, "a"],
    ["a negative dimension", compose({ a: { ...a, shape: [-2] } }, data), /shape \[-2\]/, "a"],
    ["an element type that nobody reads", compose({ a: { ...a, dtype: "F8_E4M3" } }, data), /F8_E4M3/, "a"],
    ["an entry that is no object", compose({ a: 3 }, data), /not an object/, "a"],
    ["metadata that are no strings", compose({ __metadata__: { n: 1 }, a, b }, data), /map of strings/, undefined],
    [
      "a NaN",
      compose({ a, b }, new Uint8Array(new Float32Array([0, 1, NaN, 2]).buffer)),
      /element 0 of \[1, 2\] is NaN/,
      "b"
    ],
    [
      "an infinity",
      compose({ a, b }, new Uint8Array(new Float32Array([0, -Infinity, 0, 2]).buffer)),
      /element 1 of \[2\]/,
      "a"
    ]
  ])("%s", (_, bytes, problem, tensor) =>
    withFolder(async (folder) => {
      const file = join(folder, "bad.safetensors")
      await writeFile(file, bytes)
      const error = await failure(readSafetensors(file))
      expect(error.message).toMatch(problem)
      expect(error.file).toBe(file)
      expect(error.tensor).toBe(tensor)
    })
  )

  test("a missing file", async () => {
    const error = await failure(readSafetensorsHeader("/nowhere/model.safetensors"))
    expect(error.message).toMatch(/^\/nowhere\/model\.safetensors: does not exist\. /)
  })
})

describe("checksums", () => {
  const write = (file: string) =>
    run(
      writeSafetensors(
        file,
        [
          ["a", Tensor.from("float32", [2], [1, 2])],
          ["b", Tensor.from("bfloat16", [2], [3, 4])]
        ],
        { metadata: { note: "kept" } }
      )
    )

  test("any bit that has changed on the disk is noticed, of data and of names", () =>
    withFolder(async (folder) => {
      const file = join(folder, "x.safetensors")
      await write(file)
      const { metadata } = await run(readSafetensors(file))
      expect(metadata).toEqual({ format: "pt", note: "kept" })
      const bytes = await readFile(file)
      const name = bytes.indexOf('"b":')
      for (const [at, value] of [
        [bytes.length - 1, bytes.at(-1)! ^ 1],
        [bytes.length - 12, bytes.at(-12)! ^ 64],
        [name + 1, "c".charCodeAt(0)],
        [bytes.indexOf("kept"), "K".charCodeAt(0)]
      ] as const) {
        const damaged = Buffer.from(bytes)
        damaged[at] = value
        await writeFile(file, damaged)
        const error = await failure(readSafetensors(file))
        expect(error.message).toMatch(
          /x\.safetensors: was written with the checksum [0-9a-f]{8} and now has [0-9a-f]{8}/
        )
      }
      // Of a part, only the part is read.
      const damaged = Buffer.from(bytes)
      damaged[bytes.length - 1]! ^= 1
      await writeFile(file, damaged)
      expect((await run(readSafetensors(file, { select: (tensor) => tensor === "a" }))).tensors.size).toBe(1)
    }))
})

describe("failed writes", () => {
  test("leave the file that was there", () =>
    withFolder(async (folder) => {
      const file = join(folder, "model.safetensors")
      await run(writeSafetensors(file, [["x", Tensor.from("float32", [1], [1])]]))
      const before = await readFile(file)
      const nan = await failure(writeSafetensors(file, [["y", Tensor.from("float32", [2], [1, NaN])]]))
      expect([nan.tensor, nan.file]).toEqual(["y", file])
      const large = await failure(
        writeSafetensors(file, [["y", Tensor.from("float32", [2], [1, 1e6])]], { floats: "float16" })
      )
      expect(large.message).toMatch(/element 1 is NaN, infinite or too large for float16/)
      expect(await readFile(file)).toEqual(before)
      expect(await readdir(folder)).toEqual(["model.safetensors"])
    }))
})
