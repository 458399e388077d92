import type { FileRecord, JobState } from './job-state.ts'
import { fitted, formatBytes, formatCount } from './text.ts'
import type { Rates } from './throughput.ts'

export interface FrameOptions {
  readonly columns: number
  readonly rows: number
  readonly rates: Rates
  /** Monotonic milliseconds. */
  readonly now: number
}

/** A task that ends sooner than this would only flicker. */
const settleMs = 120
const barWidth = 20

/** The live picture: the whole job, its workers, and a bar for each task that runs, as far as the screen reaches. */
export function frame(state: JobState, options: FrameOptions): string {
  const { columns, rows, rates, now } = options
  // Terminals that do not know their size say 0.
  const width = (columns > 0 ? columns : 80) - 1
  const running = [...state.open].filter(
    (record) => record.worker !== undefined || now - record.startedAt >= settleMs,
  )
  const room = Math.max(1, (rows > 0 ? rows : 24) - 5)
  const shown = running.length > room ? running.slice(0, room - 1) : running
  const hidden = running.length - shown.length
  return [
    fitted(totals(state, rates), width).trimEnd(),
    fitted(shares(state), width).trimEnd(),
    ...shown.map((record) => taskLine(record, width)),
    ...(hidden > 0 ? [fitted(`… and ${formatCount(hidden)} more running`, width).trimEnd()] : []),
  ].join('\n')
}

/** One line for where there is no screen to draw on. */
export function plainLine(state: JobState, rates: Rates): string {
  return `${totals(state, rates)}; ${shares(state)}`
}

function totals(state: JobState, rates: Rates): string {
  const total = state.records.length
  const share = total === 0 ? 1 : state.done / total
  const failed = state.failed > 0 ? `, ${formatCount(state.failed)} failed` : ''
  return (
    `${bar(share)} ${formatCount(state.done)} of ${formatCount(total)} files${failed}, ${formatBytes(state.bytes)}` +
    `, ${formatBytes(rates.bytes)}/s, ${formatCount(rates.files)} files/s`
  )
}

function shares(state: JobState): string {
  return [...state.workers].map(([name, count]) => `${name}: ${formatCount(count)}`).join('  ')
}

function taskLine(record: FileRecord, width: number): string {
  const share = record.total > 0 ? Math.min(1, record.bytes / record.total) : 0
  const size = record.total > 0 ? formatBytes(record.total) : ''
  const head = `${bar(share)} ${size.padStart(8)} ${(record.worker ?? '').padEnd(9)} `
  return fitted(head + fitted(record.file.path, width - head.length), width).trimEnd()
}

function bar(share: number): string {
  const full = Math.round(share * barWidth)
  return `${'█'.repeat(full)}${'░'.repeat(barWidth - full)} ${String(Math.floor(share * 100)).padStart(3)}%`
}
