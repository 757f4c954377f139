/** The report's style sheet: system fonts, nothing fetched, light and dark, contrast of at least 4.5 to 1 for text. */
export const style = `
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --page: #ffffff; --panel: #f6f8fa; --line: #d0d7de; --track: #e4e8ec;
  --s0: #0b62c4; --s1: #e08a00; --s2: #2c8a4b; --s3: #9a4fb5; --s4: #c43d5a; --bad: #b3261e; --good: #1a7337; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9da7b1; --page: #0d1117; --panel: #161b22; --line: #30363d; --track: #262c34;
  --s0: #58a6ff; --s1: #f0a73a; --s2: #56d364; --s3: #d2a8ff; --s4: #ff7b93; --bad: #ff8b82; --good: #56d364; } }
* { box-sizing: border-box }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif }
main { max-width: 62rem; margin: 0 auto; padding: 2rem 1.25rem 4rem }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .25rem; overflow-wrap: anywhere }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem }
p { margin: .25rem 0 .75rem } .soft, .note { color: var(--soft) }
.scroll { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: middle; white-space: nowrap }
thead th { font-weight: 600; color: var(--soft) } thead th.number { padding-right: 1.75rem } tbody th { font-weight: 400; font-family: ui-monospace, monospace; font-size: .87rem }
.number { text-align: right } table.wide td, table.wide th { padding-right: .5rem } table.wide td.count, table.wide th.number { padding-right: .9rem }
td.count { color: var(--soft); text-align: right; padding-right: 1.75rem }
svg { display: block } svg text { font: 13px system-ui, sans-serif; fill: var(--ink) }
svg .tick { fill: var(--soft); font-size: 11px } svg .value { font-variant-numeric: tabular-nums; white-space: pre }
svg .grid { stroke: var(--line); stroke-width: 1 }
.cellbar { width: 100px; min-width: 100px; height: 10px } .track { fill: var(--track) }
.series0 { fill: var(--s0) } .series1 { fill: var(--s1) } .series2 { fill: var(--s2) } .series3 { fill: var(--s3) } .series4 { fill: var(--s4) }
.facts th { font-family: inherit; font-size: inherit; color: var(--soft); padding-right: 1.5rem; vertical-align: top }
.facts td { white-space: normal; overflow-wrap: anywhere }
details { border: 1px solid var(--line); border-radius: 6px; margin: .5rem 0; background: var(--panel) }
summary { cursor: pointer; padding: .5rem .75rem } summary:focus-visible, .scroll:focus-visible { outline: 2px solid var(--s0) }
details > div { padding: 0 .75rem .75rem }
details h3 { font-size: .85rem; margin: .75rem 0 .25rem; color: var(--soft) }
pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; font: 13px/1.5 ui-monospace, monospace }
.failed { color: var(--bad) } .followed { color: var(--good) }
li { margin: .4rem 0 }
`
