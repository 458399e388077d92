import type { DigestFailure, DuplicateGroup, Summary } from './summary.ts'
import { formatBytes, formatCount, printable } from './text.ts'

/** Lines of one kind that are shown; how many more there are is said. */
const maxLines = 10

/** The summary for people. */
export function summaryText(summary: Summary): string {
  const { files, bytes, seconds, results, ledger, killed, notStarted } = summary
  const rate =
    seconds > 0 ? `, ${formatBytes(bytes / seconds)}/s, ${formatCount(files / seconds)} files/s` : ''
  const { performed, succeeded, failed, cancelled, expired, open } = ledger
  return [
    '',
    `${formatCount(files)} files, ${formatBytes(bytes)} in ${seconds.toFixed(2)} s${rate}`,
    `digests     ${formatCount(results.length)} (SHA-256), ${formatCount(new Set(results.map((r) => r.sha256)).size)} different`,
    ...shares(summary),
    ...duplicateLines(summary.duplicates),
    ...failureLines(summary.failures),
    ...skippedLines(summary),
    ...(notStarted > 0 ? [`interrupted ${formatCount(notStarted)} files were not started`] : []),
    ...(killed === null ? [] : [killText(summary)]),
    `ledger      performed ${performed} = succeeded ${succeeded} + failed ${failed} + cancelled ${cancelled} + expired ${expired}` +
      (summary.gaps.length === 0 ? ', nothing open: it closes' : `, open ${open}: IT DOES NOT CLOSE`),
    ...limited(summary.gaps.map((gap) => `            ${printable(gap)}`)),
    '',
  ].join('\n')
}

function shares({ workers, results }: Summary): string[] {
  return Object.entries(workers).map(([name, count]) => {
    const share = results.length === 0 ? 0 : (count / results.length) * 100
    return `${name.padEnd(11)} ${formatCount(count)} (${share.toFixed(0)} %)`
  })
}

function duplicateLines(groups: readonly DuplicateGroup[]): string[] {
  if (groups.length === 0) return ['duplicates  none']
  const extra = groups.reduce((sum, group) => sum + group.paths.length - 1, 0)
  const wasted = groups.reduce((sum, group) => sum + group.bytes * (group.paths.length - 1), 0)
  const lines = groups.slice(0, 3).map(({ bytes, paths: [first = '', ...others] }) => {
    return `            ${formatBytes(bytes)} × ${formatCount(others.length + 1)}: ${printable(first)}`
  })
  const more = groups.length > 3 ? [`            … and ${formatCount(groups.length - 3)} more groups`] : []
  return [
    `duplicates  ${formatCount(extra)} files say again what another says, ${formatBytes(wasted)}`,
    ...lines,
    ...more,
  ]
}

function failureLines(failures: readonly DigestFailure[]): string[] {
  if (failures.length === 0) return ['failures    none']
  const lines = failures.map(({ status, path, code, message }) => {
    const text = message.includes(code) ? message : `${message} (${code})`
    return `            ${status} ${printable(path)}: ${printable(text)}`
  })
  return [`failures    ${formatCount(failures.length)}`, ...limited(lines)]
}

function skippedLines({ skipped, unreadableFolders }: Summary): string[] {
  const { links, others } = skipped
  const lines: string[] = []
  if (links + others > 0) {
    lines.push(
      `not files   ${formatCount(links)} links (not followed), ${formatCount(others)} pipes, sockets and devices`,
    )
  }
  if (unreadableFolders.length > 0) {
    const folders = unreadableFolders.map(
      ({ path, message }) => `            ${printable(path)}: ${printable(message)}`,
    )
    lines.push(`unreadable  ${formatCount(unreadableFolders.length)} folders`, ...limited(folders))
  }
  return lines
}

function killText({ killed, retried }: Summary): string {
  if (killed === null) return ''
  const { worker, pid, afterFiles, restartedAs } = killed
  const back = restartedAs === undefined ? 'not restarted' : `restarted as process ${restartedAs}`
  return (
    `killed      ${worker} (process ${pid}) with SIGKILL after ${formatCount(afterFiles)} files, ${back}; ` +
    `${formatCount(retried)} files took more than one attempt`
  )
}

function limited(lines: readonly string[]): string[] {
  if (lines.length <= maxLines) return [...lines]
  return [...lines.slice(0, maxLines), `            … and ${formatCount(lines.length - maxLines)} more`]
}
