import { sections } from './markdown.ts'

const labels = ['Usual cause:', 'What to do:']

/** What is wrong with the page of error codes: it has one section for each code, in their order, and each says all that a reader needs. */
export function checkErrorPage(page: string, codes: readonly string[]): readonly string[] {
  const found = sections(page).filter((section) => section.title.startsWith('ERR_'))
  const titles = found.map((section) => section.title)
  const missing = codes.filter((code) => !titles.includes(code)).map((code) => `has no section for ${code}`)
  const unknown = titles
    .filter((title) => !codes.includes(title))
    .map((title) => `explains ${title}, which is no code`)
  const incomplete = found.flatMap(({ title, body }) =>
    missingParts(body).map((part) => `${title} lacks ${part}`),
  )
  const known = titles.filter((title) => codes.includes(title))
  const isOrdered = known.join() === codes.filter((code) => titles.includes(code)).join()
  return [
    ...missing,
    ...unknown,
    ...incomplete,
    ...(isOrdered ? [] : ['its sections are not in the order of the codes, or not unique']),
  ]
}

function missingParts(body: string): readonly string[] {
  const lines = body.split('\n')
  const hasMeaning = lines[0] !== undefined && /^\w/.test(lines[0])
  const lacking = labels.filter((label) => !lines.some((line) => line.startsWith(`- ${label} `)))
  return [...(hasMeaning ? [] : ['its meaning']), ...lacking.map((label) => `"${label}"`)]
}
