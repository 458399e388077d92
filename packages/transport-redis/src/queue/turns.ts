/** Something that collects what is said in one turn of the event loop. */
export interface TurnMember {
  /** What workers said: first, since it frees credit. */
  flushWork?(): void
  flushSends?(): void
  /** Asks for more work. */
  pump?(): void
}

/** Lets everything that was said in one turn go out together. */
export class Turns {
  #members = new Set<TurnMember>()
  #immediate: NodeJS.Immediate | undefined
  readonly #run = (): void => this.flush()

  add(member: TurnMember): void {
    this.#members.add(member)
    this.#immediate ??= setImmediate(this.#run)
  }

  /** At once, instead of at the end of the turn. */
  flush(): void {
    if (this.#immediate !== undefined) clearImmediate(this.#immediate)
    this.#immediate = undefined
    if (this.#members.size === 0) return
    const members = [...this.#members]
    this.#members.clear()
    for (const member of members) member.flushWork?.()
    for (const member of members) member.flushSends?.()
    for (const member of members) member.pump?.()
  }
}
