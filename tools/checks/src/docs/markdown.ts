export interface CodeBlock {
  readonly language: string
  readonly text: string
}

export interface Section {
  /** 1 to 6. */
  readonly level: number
  readonly title: string
  /** What stands below the heading, up to the next one of any level. */
  readonly body: string
}

/** The fenced code blocks of a document. */
export function codeBlocks(document: string): readonly CodeBlock[] {
  const blocks: CodeBlock[] = []
  let open: { readonly language: string; readonly lines: string[] } | undefined
  for (const line of document.split('\n')) {
    if (!line.startsWith('```')) open?.lines.push(line)
    else if (open === undefined) open = { language: line.slice(3).trim(), lines: [] }
    else {
      blocks.push({ language: open.language, text: open.lines.join('\n') })
      open = undefined
    }
  }
  return blocks
}

/** Where the links of a document lead; what code blocks hold is no link. */
export function links(document: string): readonly string[] {
  const text = document.replaceAll(/^```[^]*?^```/gm, '').replaceAll(/`[^`\n]*`/g, '')
  return [...text.matchAll(/\]\(([^()\s]+)\)/g)].map((match) => match[1] ?? '')
}

/** The headings of a document, each with what stands below it; lines of code blocks that look like headings are none. */
export function sections(document: string): readonly Section[] {
  const found: { level: number; title: string; lines: string[] }[] = []
  let isCode = false
  for (const line of document.split('\n')) {
    if (line.startsWith('```')) isCode = !isCode
    const level = isCode ? 0 : line.search(/[^#]/)
    if (level >= 1 && level <= 6 && line[level] === ' ')
      found.push({ level, title: line.slice(level + 1).trim(), lines: [] })
    else found.at(-1)?.lines.push(line)
  }
  return found.map(({ level, title, lines }) => ({ level, title, body: lines.join('\n').trim() }))
}
