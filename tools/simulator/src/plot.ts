import { quantile, type Simulated } from './simulate.ts'

const width = 760
const height = 420
const left = 96
const right = 150
const top = 50
const bottom = 55
const colours = ['#c0392b', '#2471a3', '#1e8449', '#8e44ad', '#b9770e', '#566573']
const percentiles = [0, 0.5, 0.9, 0.99, 0.999, 0.9999]

/** Latency by percentile, both axes logarithmic: the tail of each algorithm as a line. */
export function plotTails(title: string, results: readonly Simulated[]): string {
  const highest = Math.max(...results.map((each) => quantile(each.latencies, 0.9999)))
  const top10 = Math.ceil(Math.log10(highest))
  const y = (ms: number): number =>
    height - bottom - (Math.log10(Math.max(1, ms)) / top10) * (height - top - bottom)
  const lines = results.map((each, index) => {
    const colour = colours[index % colours.length] as string
    const points = Array.from({ length: 81 }, (_, step) => {
      const q = 1 - 10 ** (-step / 20)
      return `${x(q).toFixed(1)},${y(quantile(each.latencies, q)).toFixed(1)}`
    })
    const labelY = top + 12 + index * 20
    return [
      `<polyline points="${points.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`,
      `<rect x="${width - right + 14}" y="${labelY - 9}" width="12" height="12" fill="${colour}"/>`,
      text(width - right + 32, labelY + 2, each.algorithm, 'start'),
    ].join('\n')
  })
  const marks = Array.from({ length: top10 + 1 }, (_, power) => {
    const at = y(10 ** power)
    return `${rule(left, at, width - right, at)}\n${text(left - 8, at + 4, `${10 ** power} ms`, 'end')}`
  })
  const ranks = percentiles.map((q) => {
    const at = x(q)
    return `${rule(at, top, at, height - bottom)}\n${text(at, height - bottom + 20, `p${+(q * 100).toFixed(2)}`, 'middle')}`
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    `<text x="${left}" y="28" font-size="15" font-weight="bold">${title}</text>`,
    ...marks,
    ...ranks,
    ...lines,
    '</svg>',
    '',
  ].join('\n')
}

function x(q: number): number {
  return left + (-Math.log10(Math.max(1e-4, 1 - q)) / 4) * (width - left - right)
}

function rule(x1: number, y1: number, x2: number, y2: number): string {
  return `<line x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}" stroke="#dddddd"/>`
}

function text(at: number, y: number, content: string, anchor: 'start' | 'middle' | 'end'): string {
  return `<text x="${at.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${content}</text>`
}
