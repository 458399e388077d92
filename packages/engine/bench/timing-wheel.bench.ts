import { TimerNode, TimingWheel } from '../src/index.ts'
import { measure, pick } from './measure.ts'

const nodes = Array.from({ length: 65_536 }, () => new TimerNode())
const delays = nodes.map((_, i) => 10 + ((i * 7_919) % 60_000))

measure('schedule + cancel', 1_000_000, (steps) => {
  const wheel = new TimingWheel<TimerNode>(0)
  for (let i = 0; i < steps; i++) {
    const node = pick(nodes, i)
    wheel.schedule(node, pick(delays, i))
    wheel.cancel(node)
  }
})

measure('schedule + fire', 65_536, (steps) => {
  const wheel = new TimingWheel<TimerNode>(0)
  let fired = 0
  const sink = { due: () => void fired++ }
  for (let i = 0; i < steps; i++) wheel.schedule(pick(nodes, i), pick(delays, i))
  for (let now = 0; now < 61_000; now += 8) wheel.advance(now, sink)
  if (fired !== steps) throw new Error(`${fired} of ${steps} fired`)
})

measure('nextAt, one timer a minute away', 1_000_000, (steps) => {
  const wheel = new TimingWheel<TimerNode>(0)
  wheel.schedule(new TimerNode(), 60_000)
  let sum = 0
  for (let i = 0; i < steps; i++) sum += wheel.nextAt()
  if (!Number.isFinite(sum)) throw new Error('lost')
})
