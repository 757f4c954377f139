const CLOSE = "</think>"

/**
 * The answer of a reasoning model: what follows the first `</think>`, without the line breaks in between. Undefined when the
 * thought was never closed, so that a truncated response has no answer rather than its thought for one.
 */
export const answerAfterThink = (text: string): string | undefined => {
  const close = text.indexOf(CLOSE)
  return close < 0 ? undefined : text.slice(close + CLOSE.length).replace(/^[\r\n]+/, "")
}
