import type { TransportReport } from './capability-report.ts'

type Column = readonly [title: string, cell: (report: TransportReport) => string]

const declared = (isDeclared: boolean): string => (isDeclared ? 'yes' : '–')

const columns: readonly Column[] = [
  ['transport', ({ name, packagePath }) => `[${name}](${packagePath})`],
  ['delivery', ({ capabilities }) => capabilities.delivery.replaceAll('-', ' ')],
  [
    'redelivery',
    ({ capabilities }) => (capabilities.delivery === 'at-most-once' ? '–' : capabilities.redelivery),
  ],
  ['durable', ({ capabilities }) => declared(capabilities.durable)],
  ['workgroups', ({ capabilities }) => declared(capabilities.groups)],
  ['delay', ({ capabilities }) => declared(capabilities.delay)],
  ['priority', ({ capabilities }) => declared(capabilities.priority)],
  ['dead letters', ({ capabilities }) => declared(capabilities.deadLetter)],
  ['results', ({ capabilities }) => declared(capabilities.results)],
  ['order', ({ capabilities }) => declared(capabilities.ordering)],
  ['payload', ({ capabilities }) => size(capabilities.maxPayloadBytes)],
  ['tested with', (report) => faults(report).join('; ') || '–'],
]

/** What a reader calls the faults that a test injects, in the order in which they stand in a cell. */
const words: readonly (readonly [what: string, faults: Readonly<Record<string, string>>])[] = [
  ['worker', { 'worker-kill': 'killed', 'worker-freeze': 'frozen', 'worker-cut': 'cut off' }],
  ['connection', { link: 'lost', 'link-stall': 'stalled' }],
  ['server', { 'engine-freeze': 'frozen', 'engine-restart': 'restarted' }],
]

/** One line a transport. A column says what is declared; `unproven` sees to it that a declaration without a passed case gets no line. */
export function renderMatrix(reports: readonly TransportReport[]): string {
  const rows = [
    columns.map(([title]) => title),
    columns.map(() => '---'),
    ...reports.map((report) => columns.map(([, cell]) => cell(report))),
  ]
  return rows.map((row) => `| ${row.join(' | ')} |`).join('\n')
}

/** Those with which a case passed. */
function faults({ cases }: TransportReport): readonly string[] {
  const tried = new Set(cases.filter((each) => each.outcome === 'passed').flatMap((each) => each.faults))
  const grouped = words.flatMap(([what, names]) => {
    const found = Object.entries(names).flatMap(([fault, text]) => (tried.delete(fault) ? [text] : []))
    return found.length === 0 ? [] : [`${what} ${found.join(', ')}`]
  })
  return [...grouped, ...tried]
}

function size(bytes: number): string {
  if (!Number.isFinite(bytes)) return 'no limit'
  const mebi = bytes / 1_048_576
  if (Number.isInteger(mebi)) return `${mebi} MiB`
  return Number.isInteger(bytes / 1024) ? `${bytes / 1024} KiB` : `${bytes} B`
}
