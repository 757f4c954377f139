import { describe, expect, test } from "@jest/globals"
import fc from "fast-check"
import { describe as describeInstruction, looseVariants, prepare, verifiers, verify, VerifierError, verifyChoice, verifyLoose, verifyMath } from "../src/index.ts"
import { anyText, instruction, richText } from "./support/Arbitraries.ts"
import { pieces, repeated, samples } from "./support/Hostile.ts"

const ids = Object.keys(verifiers)

const hostile = pieces.map((piece) => repeated(piece, 3000)).join("")

describe.each(ids)("%s", (id) => {
  test("decides any text, the same way twice, and loosely what strictly", () => {
    const cases = anyText.chain((text) => fc.tuple(fc.constant(text), instruction(text, [id])))
    fc.assert(
      fc.property(cases, ([text, made]) => {
        expect(typeof describeInstruction(made)).toBe("string")
        const strict = verify(made, text)
        expect(strict._tag).toBe("Decided")
        expect(verify(made, text)).toEqual(strict)
        const loose = verifyLoose(made, text)
        expect(loose._tag).toBe("Decided")
        if (strict._tag === "Decided" && strict.followed) expect(loose).toEqual(strict)
      }),
      { numRuns: 40 }
    )
  })
  test("never throws on arguments of any kind, and a blank response follows nothing", () => {
    const names = Object.keys(verifiers[id]!.kwargs.fields)
    const anything = fc.anything({ withBigInt: true, withNullPrototype: true, withSparseArray: true })
    const arguments_ = fc.oneof(anything, fc.record(Object.fromEntries(names.map((name) => [name, anything]))))
    fc.assert(
      fc.property(arguments_, (kwargs) => {
        const verdict = verify({ id, kwargs }, "Some text.")
        if (verdict._tag === "Undecided") expect(verdict.reason).toMatchObject({ _tag: "VerifierError", id, kind: "InvalidKwargs" })
        const blank = verify({ id, kwargs }, " \n\u0085\u3000")
        if (blank._tag === "Decided") expect(blank.followed).toBe(false)
      }),
      { numRuns: 40 }
    )
  })
  // Half a megabyte takes a quadratic check many minutes, past the time that a test has: 3,000 code units of every piece, one
  // after the other. Every piece at a full megabyte, and the time, is what `npm run bench:verifiers` measures.
  test("finishes on hostile text", () => {
    for (const kwargs of samples[id] ?? [{}]) {
      const prepared = prepare({ id, kwargs })
      if (prepared instanceof VerifierError) throw prepared
      expect(typeof prepared.check(hostile)).toBe("boolean")
    }
  })
})

test("an unknown id, and a response that is no text, are not decided", () => {
  fc.assert(fc.property(fc.string(), (id) => {
    fc.pre(!Object.hasOwn(verifiers, id))
    expect(verify({ id }, "text")).toMatchObject({ _tag: "Undecided", reason: { kind: "UnknownVerifier" } })
  }))
  fc.assert(fc.property(fc.anything(), (response) => {
    fc.pre(typeof response !== "string")
    expect(verify({ id: "punctuation:no_comma" }, response as string)).toMatchObject({ _tag: "Undecided", reason: { kind: "InvalidResponse" } })
  }))
})

test("what JSON cannot write is named by its kind", () => {
  const cycle: Array<unknown> = []
  cycle.push(cycle)
  for (const keywords of [cycle, [1n]]) {
    expect(verify({ id: "keywords:existence", kwargs: { keywords } }, "text"))
      .toMatchObject({ _tag: "Undecided", reason: { message: expect.stringContaining("got an array") } })
  }
})

test("there are eight loose variants, those of the response as it is among them", () => {
  fc.assert(fc.property(anyText, (text) => {
    const variants = looseVariants(text)
    expect(variants).toHaveLength(8)
    expect(variants[0]).toBe(text)
    expect(variants.slice(4).every((variant) => !variant.includes("*"))).toBe(true)
  }))
})

test("answers: any two texts are compared without throwing", () => {
  const mathText = fc.oneof(
    anyText,
    fc.array(fc.constantFrom("\\frac", "{", "}", "\\sqrt", "1", "2.5", "%", ",", "(", ")", "[", "]", "\\boxed{", "\\pi", "-", "^", "_", "x", "\\cup", "\\text{", " ", "\n"), { maxLength: 20 })
      .map((parts) => parts.join(""))
  )
  fc.assert(fc.property(mathText, mathText, (gold, response) => {
    expect(["Decided", "Undecided"]).toContain(verifyMath(gold, response)._tag)
    expect(["Decided", "Undecided"]).toContain(verifyChoice(gold, response)._tag)
  }), { numRuns: 500 })
  for (const piece of [...pieces, "\\frac{", "\\boxed{", "{", "(1,", "1,", "\\sqrt", "^", "\\cup"]) {
    expect(["Decided", "Undecided"]).toContain(verifyMath("1", repeated(piece, 1 << 16))._tag)
    expect(["Decided", "Undecided"]).toContain(verifyChoice("A", repeated(piece, 1 << 16))._tag)
  }
})

test("text that the checks look for follows most of them sometimes", () => {
  const followed = new Set<string>()
  fc.assert(
    fc.property(richText.chain((text) => fc.tuple(fc.constant(text), fc.array(instruction(text), { minLength: 40, maxLength: 40 }))), ([text, made]) => {
      for (const one of made) {
        const verdict = verify(one, text)
        if (verdict._tag === "Decided" && verdict.followed) followed.add(one.id)
      }
    }),
    { numRuns: 150, seed: 3 }
  )
  // Otherwise the properties above would be about texts that follow nothing.
  expect(followed.size).toBeGreaterThan(60)
})

describe("against plain versions", () => {
  const texts = (...parts: ReadonlyArray<string>) => fc.array(fc.constantFrom(...parts), { maxLength: 24 }).map((drawn) => drawn.join(""))
  const follows = (id: string, kwargs: object, text: string) => {
    const verdict = verify({ id, kwargs }, text)
    return verdict._tag === "Decided" && verdict.followed
  }

  test("placeholders in brackets", () => {
    fc.assert(fc.property(texts("[", "]", "[a]", "\n", "x", " "), fc.integer({ min: 1, max: 6 }), (text, num_placeholders) => {
      const count = [...text.matchAll(/\[.*?\]/g)].length
      const wanted = text.trim() !== "" && count >= num_placeholders
      expect(follows("detectable_content:number_placeholders", { num_placeholders }, text)).toBe(wanted)
    }), { numRuns: 500 })
  })

  test("all words after the first repeated", () => {
    const words = texts("a", "b", " ", "\t", "\n", "ab ").filter((text) => text.trim() !== "")
    fc.assert(fc.property(words, words, (text, prompt_to_repeat) => {
      const rest = (of: string) => of.trim().split(/\s+/).slice(1).join(" ")
      const wanted = text !== prompt_to_repeat && rest(text) === rest(prompt_to_repeat)
      expect(follows("repeat:repeat_change", { prompt_to_repeat }, text)).toBe(wanted)
    }), { numRuns: 1000 })
  })
})
