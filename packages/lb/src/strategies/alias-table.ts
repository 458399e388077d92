/** Where chance comes from: an integer from 0 to `count` - 1. */
export interface Draw {
  below(count: number): number
}

const whole = 2 ** 30

/** Draws an index by weight in constant time (Vose's alias method); building is O(n). */
export class AliasTable {
  /** In parts of 2 ** 30. */
  private readonly probability: Int32Array
  private readonly alias: Int32Array

  constructor(weights: readonly number[]) {
    const count = weights.length
    this.probability = new Int32Array(count)
    this.alias = new Int32Array(count)
    const mean = weights.reduce((sum, weight) => sum + weight, 0) / count
    const scaled = Float64Array.from(weights, (weight) => weight / mean)
    const small: number[] = []
    const large: number[] = []
    for (let index = 0; index < count; index++) (at(scaled, index) < 1 ? small : large).push(index)
    while (small.length > 0 && large.length > 0) {
      const less = small.pop() as number
      const more = large.pop() as number
      this.probability[less] = at(scaled, less) * whole
      this.alias[less] = more
      scaled[more] = at(scaled, more) + at(scaled, less) - 1
      ;(at(scaled, more) < 1 ? small : large).push(more)
    }
    for (const index of [...small, ...large]) {
      this.probability[index] = whole
      this.alias[index] = index
    }
  }

  draw(dice: Draw): number {
    const index = dice.below(this.probability.length)
    return dice.below(whole) < (this.probability[index] as number) ? index : (this.alias[index] as number)
  }
}

function at(list: Float64Array, index: number): number {
  return list[index] as number
}
