import { describe, expect, test } from "@jest/globals"
import { readFileSync } from "node:fs"
import { namedTemplate, parseChatTemplate, specialTokens } from "../src/ChatTemplate.ts"
import { fixture } from "./support.ts"

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

describe("values, operators and scopes are Python's", () => {
  const x = {
    none: null,
    yes: true,
    half: 0.5,
    tiny: 1e-5,
    list: [1, "it's", null, { a: false }],
    items: [2],
    words: ["b", "A"],
    s: "né\n\t\u200b'\""
  }
  // What Jinja2 3.1 prints in transformers' environment.
  test.each([
    ["{{ none }} {{ true }} {{ x.none }} {{ x.yes }} [{{ x.missing }}]", "None True None True []"],
    ["{{ x.list }}", "[1, \"it's\", None, {'a': False}]"],
    ["{{ x.list | string ~ x.yes }}", "[1, \"it's\", None, {'a': False}]True"],
    ["{{ [x.s] }}", "['né\\n\\t\\u200b\\'\"']"],
    ["{{ x.tiny }} {{ 1.0 }} {{ 3 / 1 }} {{ 7 // 2 }} {{ -7 % 3 }}", "1e-05 1.0 3.0 3 2"],
    ["{{ {'a': (1, 'b'), 'c': x.half} }}", "{'a': (1, 'b'), 'c': 0.5}"],
    ["{{ [x.tiny, 1.0, 'é\"'] | tojson }}", "[1e-05, 1.0, \"é\\\"\"]"],
    ["{{ 'é' | tojson(ensure_ascii=true) }} {{ [1] | tojson(indent=0) }}", '"\\u00e9" [\n1\n]'],
    ["{{ {'b': 1, 'a': []} | tojson(sort_keys=true, separators=(',', ':')) }}", '{"a":[],"b":1}'],
    [
      "{{ 1 == '1' }} {{ '' == false }} {{ [] == [] }} {{ 1 == true }} {{ x.missing == none }} {{ [1] in [[1]] }}",
      "False False True True False True"
    ],
    ["{{ x.items() | length }} {{ x['items'] }} {{ x.get('items') }}", "8 [2] [2]"],
    ["{{ 'a' ~ none ~ 1.5 ~ [] }}", "aNone1.5[]"],
    ["{% set n = 0 %}{% for i in range(3) %}{{ n }}{% set n = 5 %}{% endfor %}{{ n }}", "0000"],
    ["{% for i in 'abc' %}{{ i }}{% if i == 'b' %}!{% break %}{% endif %}.{% endfor %}", "a.b!"],
    ["{% for i in [1, 2] %}{{ i }}{% continue %}{% else %}none{% endfor %}", "12none"],
    ["{% for i in missing %}{{ i }}{% else %}none{% endfor %}", "none"],
    [
      "{% macro m(a, b=2) %}{{ a }}{{ b }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1) }} {{ m(1, 3, 4, c=5) }}",
      "12(){} 13(4,){'c': 5}"
    ],
    ["{% set ns = namespace(a=1) %}{% for i in range(3) %}{% set ns.a = ns.a + i %}{% endfor %}{{ ns.a }}", "4"],
    [
      "{{ x is iterable }} {{ true is number }} {{ true is integer }} {{ missing is iterable }} {{ none is none }}",
      "True True False True True"
    ],
    ["{{ x.words | sort | join(', ') }} {{ x.words | map('upper') | list }}", "A, b ['B', 'A']"],
    ["{{ 'aXb'.title() }} {{ 'HELLO' | capitalize }} {{ '12a' | int }} {{ -1.5 | int }}", "Axb Hello 0 -1"],
    ["{{ none | default('d') }} {{ missing | default('d') }} {{ '' | default('d', true) }}", "None d d"],
    ["{{ ('a' if false) is defined }} {{ 'b' if x.none else 'c' }}", "False c"],
    ["{{ x.list[-1].a }} {{ x.list[9] }} {{ 'né'[1] }} {{ [1, 2, 3][::-1] }}", "False  é [3, 2, 1]"],
    ["{{ dict(a=1) }} {{ x.words | first }} {{ [] | last }}", "{'a': 1} b "],
    [
      "{% if x.words | selectattr('role') %}yes{% endif %}{{ [{'r': 1}, {}] | selectattr('r', 'defined') | list }}",
      "yes[{'r': 1}]"
    ],
    ["{% filter upper %}a{{ none }}{% endfilter %}", "ANONE"],
    ["{% set t %}a{{ 1 }}{% endset %}{{ t | length }}", "2"],
    ["a\r\n  {% if true %}\r\nb\r\n{% endif %}\r\nc\r\n", "a\nb\nc"]
  ])("%s", (template, wanted) => expect(render(template, { x })).toBe(wanted))

  // What it refuses.
  test.each([
    "{{ 'a' + 1 }}",
    "{{ 'a' + none }}",
    "{{ 'a' + x.list }}",
    "{{ x.missing.deeper }}",
    "{{ x.missing | tojson }}",
    "{{ none | length }}",
    "{{ x.words.append('c') }}",
    "{% for i in none %}{% endfor %}",
    "{{ 1 in 'a1' }}",
    "{{ x.s.shout() }}",
    "{{ x | shout }}",
    "{{ [1] + (2, 3) }}",
    "{% set ns = namespace(_a=1) %}",
    "{{ range(100001) | length }}",
    "{{ ([0] * 999999999) | length }}",
    "{{ ('a' * 999999999) | length }}"
  ])("%s is refused", (template) => expect(() => render(template, { x })).toThrow(Error))
})

test("750 random templates print what Python's do, or are refused as there", () => {
  const { cases, variables } = JSON.parse(readFileSync(fixture("templates", "jinja.json"), "utf8")) as {
    readonly cases: ReadonlyArray<readonly [template: string, text: string | null]>
    readonly variables: Record<string, unknown>
  }
  const textOf = (template: string) => {
    try {
      return render(template, variables)
    } catch {
      return null
    }
  }
  expect(cases.length).toBe(750)
  expect(cases.map(([template]) => [template, textOf(template)])).toEqual(cases)
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
