// A response that follows all hard constraints of a row, put together from their kwargs: the proof that the row can be
// met.
import type { PromptRow } from "../src/index.ts"

const filler: Readonly<Record<string, ReadonlyArray<string>>> = {
  en: [
    "the tide rose in the night and the boats moved",
    "she opened the door and went out into the rain",
    "most of the people here had seen it before"
  ],
  de: [
    "das Wetter war gestern schön und wir gingen durch die Stadt nach Hause",
    "die Kinder spielten noch lange draußen auf der Wiese"
  ],
  fr: [
    "le temps était beau hier et nous avons traversé la ville pour rentrer",
    "les enfants ont joué longtemps dehors dans le jardin"
  ],
  es: [
    "el tiempo era bueno ayer y caminamos por la ciudad hasta la casa",
    "los niños jugaron mucho tiempo afuera en el jardín"
  ],
  it: [
    "il tempo era bello ieri e abbiamo camminato per la città fino a casa",
    "i bambini hanno giocato a lungo fuori nel giardino"
  ],
  pt: [
    "o tempo estava bom ontem e caminhamos pela cidade até nossa casa",
    "as crianças não brincaram muito tempo lá fora no jardim"
  ],
  nl: [
    "het weer was gisteren mooi en wij liepen door de stad naar huis",
    "de kinderen speelden nog lang buiten in de tuin van het huis"
  ],
  pl: [
    "wczoraj była ładna pogoda i poszliśmy przez miasto do domu",
    "dzieci długo jeszcze bawiły się na dworze w ogrodzie"
  ],
  ru: ["вчера была хорошая погода и мы шли через город домой", "дети ещё долго играли на улице в саду"],
  sv: [
    "vädret var vackert igår och vi gick genom staden hem",
    "barnen lekte länge ute i trädgården och var mycket glada"
  ],
  fi: ["eilen oli kaunis ilma ja kävelimme kaupungin läpi kotiin", "lapset leikkivät vielä pitkään ulkona puutarhassa"],
  tr: [
    "dün hava çok güzeldi ve şehrin içinden eve yürüdük",
    "çocuklar bahçede uzun süre oynadılar ve çok mutlu oldular"
  ],
  vi: ["hôm qua thời tiết đẹp và chúng tôi đi bộ qua thành phố về nhà", "những đứa trẻ chơi rất lâu ở ngoài vườn"]
}

export const witness = (row: PromptRow): string => {
  const asked = new Map(row.instruction_id_list.map((id, i) => [id, row.kwargs[i]!] as const))
  const of = (id: string): Readonly<Record<string, never>> | undefined => asked.get(id) as never
  const number = (id: string, name: string): number => Number(of(id)?.[name] ?? 0)
  const least = (id: string, name: string, relation = "relation"): number =>
    of(id)?.[relation] === "at least" ? number(id, name) : 0

  const keywords = (of("keywords:existence")?.["keywords"] ?? []) as ReadonlyArray<string>
  if (asked.has("detectable_format:json_format")) return JSON.stringify({ text: keywords.join(" ") })
  // Capital letters tell a language less well than small ones.
  const shouted = [
    "this is what the people of the town thought about the weather that night",
    ...filler["en"]!.slice(1)
  ]
  const sentences = asked.has("change_case:english_capital")
    ? shouted
    : filler[String(of("language:response_language")?.["language"] ?? "en")]!

  const frequent = least("keywords:frequency", "frequency")
  const inline = [
    ...keywords,
    ...Array.from({ length: frequent }, () => String(of("keywords:frequency")!["keyword"])),
    ...(of("keywords:letter_frequency")?.["let_relation"] === "at least"
      ? [
          String(of("keywords:letter_frequency")!["letter"]).repeat(
            number("keywords:letter_frequency", "let_frequency")
          )
        ]
      : []),
    ...Array.from({ length: number("detectable_content:number_placeholders", "num_placeholders") }, () => "[name]"),
    ...Array.from(
      { length: number("detectable_format:number_highlighted_sections", "num_highlights") },
      () => "*this part*"
    ),
    ...Array.from(
      { length: least("change_case:capital_word_frequency", "capital_frequency", "capital_relation") },
      () => "OK"
    ),
    ...(asked.has("detectable_format:constrained_response") ? ["My answer is yes."] : [])
  ]
  const bullets = Array.from(
    { length: number("detectable_format:number_bullet_lists", "num_bullets") },
    () => "* point"
  )
  const sections = Array.from(
    { length: number("detectable_format:multiple_sections", "num_sections") },
    (_, i) => `${String(of("detectable_format:multiple_sections")!["section_spliter"])} ${i + 1}`
  )
  const title = asked.has("detectable_format:title") ? ["<<the tide>>"] : []
  const wantedSentences = least("length_constraints:number_sentences", "num_sentences")
  const wantedWords = least("length_constraints:number_words", "num_words")
  const prose = [`${sentences[0]!} ${inline.join(" ")}`, ...sentences.slice(1, 2)]
  const more = [
    ...Array.from({ length: wantedSentences }, () =>
      `${sentences[1]!.split(" ").slice(0, 2).join(" ")}.`.replace(/^./u, (c) => c.toUpperCase())
    ),
    ...Array.from({ length: Math.ceil(wantedWords / 8) }, () => sentences[1]!)
  ]
  const roomy =
    of("length_constraints:number_words")?.["relation"] !== "less than" ||
    number("length_constraints:number_words", "num_words") > 45
  const block = [...title, ...sections, roomy ? prose.join(" ") : prose[0]!, ...bullets, ...more]
  const end = of("startend:end_checker")?.["end_phrase"] as string | undefined
  const marker = of("detectable_content:postscript")?.["postscript_marker"] as string | undefined
  const tail = [...(marker === undefined ? [] : [`${marker} more`]), ...(end === undefined ? [] : [end])]

  const nth = of("length_constraints:nth_paragraph_first_word")
  const body = ((): string => {
    if (nth !== undefined) {
      const count = number("length_constraints:nth_paragraph_first_word", "num_paragraphs")
      const place = number("length_constraints:nth_paragraph_first_word", "nth_paragraph")
      return Array.from({ length: count }, (_, i) =>
        [
          ...(i + 1 === place ? [String(nth["first_word"])] : ["so"]),
          ...(i === 0 ? [block.join("\n")] : []),
          ...(i + 1 === count ? [tail.join("\n")] : [])
        ]
          .filter((part) => part !== "")
          .join("\n")
      ).join("\n\n")
    }
    const paragraphs = number("length_constraints:number_paragraphs", "num_paragraphs")
    if (paragraphs > 0) {
      return [
        block.join("\n"),
        ...Array.from({ length: paragraphs - 1 }, (_, i) => (i === paragraphs - 2 ? ["so", ...tail].join("\n") : "so"))
      ].join("\n***\n")
    }
    if (asked.has("combination:two_responses")) return [...block, "******", "another", ...block, ...tail].join("\n")
    return [...block, ...tail].join("\n")
  })()
  const repeated = of("combination:repeat_prompt")?.["prompt_to_repeat"] as string | undefined
  const whole = repeated === undefined ? body : `${repeated}\n${body}`
  const cased = asked.has("change_case:english_capital")
    ? whole.toUpperCase()
    : asked.has("change_case:english_lowercase")
      ? whole.toLowerCase()
      : whole
  return asked.has("startend:quotation") ? `"${cased}"` : cased
}
