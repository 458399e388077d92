import { LineChart } from 'echarts/charts'
import { GridComponent, LegendComponent, TitleComponent } from 'echarts/components'
import { init, use } from 'echarts/core'
import { SVGRenderer } from 'echarts/renderers'
import type { Axis, Measured, Scenario } from './scenario.ts'

use([LineChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer])

const size = { width: 760, height: 440 }

/** One line for each variant, as an SVG that is the same whenever it is drawn from the same numbers. */
export function plot(
  scenario: Pick<Scenario, 'title' | 'x' | 'y'>,
  lines: ReadonlyMap<string, Measured['line']>,
): string {
  const chart = init(null, null, { renderer: 'svg', ssr: true, ...size })
  try {
    chart.setOption({
      animation: false,
      backgroundColor: '#ffffff',
      title: { text: scenario.title, left: 'center', textStyle: { fontSize: 14 } },
      legend: { bottom: 0, itemGap: 30 },
      grid: { top: 40, bottom: 90, left: 70, right: 30 },
      xAxis: axis(scenario.x, 30),
      yAxis: axis(scenario.y, 50),
      series: [...lines].map(([name, data]) => ({
        type: 'line',
        name,
        data: data.map(([x, y]) => [x, scenario.y.kind === 'logarithmic' ? Math.max(y, 0.1) : y]),
        showSymbol: false,
        silent: true,
      })),
    })
    return `${steadyIds(chart.renderToSVGString())}\n`
  } finally {
    chart.dispose()
  }
}

function axis({ name, kind }: Axis, nameGap: number): Record<string, unknown> {
  const common = { name, nameLocation: 'middle', nameGap }
  if (kind === 'logarithmic') return { ...common, type: 'log' }
  if (kind === 'linear') return { ...common, type: 'value' }
  return { ...common, type: 'value', min: 0, max: 4, axisLabel: { formatter: percentileOf } }
}

/** 2 nines are p99. */
function percentileOf(nines: number): string {
  return `p${Number((100 - 10 ** (2 - nines)).toFixed(3))}`
}

/** The renderer numbers classes and clips through all charts of the process. */
function steadyIds(svg: string): string {
  const names = new Map<string, string>()
  return svg.replaceAll(/zr\d+-[a-z]+-?\d+/g, (id) => {
    const name = names.get(id) ?? `z${names.size}`
    names.set(id, name)
    return name
  })
}
