// An answer before it is text: what the constraints that are followed have decided about it, and how that is laid out.

export interface Draft {
  /** Write as people do, with a comma somewhere. */
  readonly commas: boolean
  readonly title: boolean
  /** The whole answer in double quotes. */
  readonly quoted: boolean
  /** Bullet points, 0 for running text. */
  readonly bullets: number
  /** Paragraphs split by `***`. */
  readonly paragraphs: number
  readonly ending: string
  /** `P.S.` or `P.P.S`, empty for none. */
  readonly postscript: string
  readonly placeholders: number
  readonly keywords: ReadonlyArray<string>
  /** Words that must not occur. */
  readonly avoid: ReadonlyArray<string>
  /** Words of the subject that must occur. */
  readonly use: ReadonlyArray<string>
  readonly highlights: number
  readonly minSentences: number
  readonly minWords: number
  /** A single short sentence. */
  readonly short: boolean
  /** Sentences that come before everything else. */
  readonly openers: ReadonlyArray<string>
}

/** What somebody writes who is asked for nothing in particular. */
export const plain: Draft = {
  commas: true,
  title: false,
  quoted: false,
  bullets: 0,
  paragraphs: 1,
  ending: "",
  postscript: "",
  placeholders: 0,
  keywords: [],
  avoid: [],
  use: [],
  highlights: 0,
  minSentences: 2,
  minWords: 0,
  short: false,
  openers: []
}

/** The content of an answer. */
export interface Content {
  readonly title: string
  readonly sentences: ReadonlyArray<string>
  /** Words of the sentences that may be highlighted, the best first. */
  readonly marks: ReadonlyArray<string>
  /** `It` or `They`: how a later sentence speaks of the subject. */
  readonly pronoun: string
}

export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

const askFor = ["", "Ask [name] for more.", "Ask [name] on [date].", "Ask [name] on [date] in [city]."]

const highlight = (text: string, marks: ReadonlyArray<string>): string =>
  marks.reduce((current, mark) => current.replace(new RegExp(`\\b${mark}\\b`), "*$&*"), text)

/** The text of an answer. `farewell` is what a postscript says. */
export const layout = (draft: Draft, content: Content, farewell: string): string => {
  const mind = `${content.pronoun} ${content.pronoun === "It" ? "brings" : "bring"} ${draft.keywords.join(" and ")} to mind.`
  const opening = draft.openers.join(" ")
  const closing = [...(draft.keywords.length > 0 ? [mind] : []), askFor[draft.placeholders]!].filter(Boolean).join(" ")
  const join = (parts: ReadonlyArray<string>) => parts.filter(Boolean).join(" ")
  const lines: Array<string> = []
  if (draft.bullets > 0) {
    lines.push(opening, ...content.sentences.map((sentence) => `* ${sentence}`), closing)
  } else if (draft.paragraphs > 1) {
    const last = content.sentences.length - 1
    content.sentences.forEach((sentence, i) =>
      lines.push(...(i > 0 ? ["***"] : []), join([i === 0 ? opening : "", sentence, i === last ? closing : ""]))
    )
  } else {
    lines.push(join([opening, ...content.sentences, closing]))
  }
  if (draft.highlights > 0) lines.splice(0, lines.length, highlight(lines.join("\n"), content.marks.slice(0, draft.highlights)))
  if (draft.title) lines.unshift(`<<${content.title}>>`)
  if (draft.postscript) lines.push(`${draft.postscript} ${farewell}`)
  if (draft.ending) lines.push(draft.ending)
  const text = lines.filter(Boolean).join("\n")
  return draft.quoted ? `"${text}"` : text
}
