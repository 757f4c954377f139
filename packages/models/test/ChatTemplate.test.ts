import { describe, expect, test } from "@jest/globals"
import { namedTemplate, parseChatTemplate, specialTokens } from "../src/ChatTemplate.ts"

const render = (template: string, variables: Record<string, unknown> = {}) => parseChatTemplate(template)(variables)

describe("strings are Python's", () => {
  // Values are what Jinja2 3.1 gives.
  test.each([
    ["{{ x.strip() }}", "\u0085 a\ufeff\u001f", "a\ufeff"],
    ["{{ x.strip('ab') }}", "abcba", "c"],
    ["{{ x.lstrip('\\n') }}", "\n\n  a\n", "  a\n"],
    ["{{ x.rstrip('\\n') }}", "\n a \n\n", "\n a "],
    ["{{ x.split('</t>')[-1].lstrip('\\n') }}", "b</t>\n\n c", " c"],
    ["{{ x | trim }}", "\u2003\ufeffa\u2003", "\ufeffa"],
    ["{{ x.strip('\u{1f6a2}') }}", "\u{1f6a2}a\u{1f6a2}", "a"],
    ["{{ x.strip() }}", " \n", ""]
  ])("%s", (template, x, wanted) => expect(render(template, { x })).toBe(wanted))
})

test("functions that templates call", () => {
  expect(render("{% for i in range(1, 7, 2) %}{{ i }}{% endfor %}{% for i in range(2) %}{{ i }}{% endfor %}")).toBe(
    "13501"
  )
  expect(() => render("{{ raise_exception('no') }}")).toThrow("no")
  const now = new Date()
  expect(render("{{ strftime_now('%Y-%m|%%') }}")).toBe(
    `${now.getFullYear()}-${String(now.getMonth() + 1).padStart(2, "0")}|%`
  )
  expect(render("{{ strftime_now('%d %b %Y') }}")).toMatch(/^\d\d [A-Z][a-z]{2} \d{4}$/)
  expect(() => render("{{ strftime_now('%q') }}")).toThrow("%q")
  expect(render("{{ x | tojson(indent=2) }}", { x: { a: {}, b: [] } })).toBe('{\n  "a": {},\n  "b": []\n}')
  expect(render("{% generation %}a{% endgeneration %}")).toBe("a")
})

test("named templates and special tokens", () => {
  const named = [
    { name: "default", template: "d" },
    { name: "tool_use", template: "t" }
  ]
  expect([
    namedTemplate(named, false),
    namedTemplate(named, true),
    namedTemplate("s", true),
    namedTemplate(null, true)
  ]).toEqual(["d", "t", "s", undefined])
  expect(specialTokens({ bos_token: { content: "<s>", lstrip: false }, eos_token: "</s>", pad_token: null })).toEqual({
    bos_token: "<s>",
    eos_token: "</s>"
  })
})
