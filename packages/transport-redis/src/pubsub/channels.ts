/** Names of the channels. Names of the application hold no `/`, so it separates; nothing here is a key. */
export interface Channels {
  /** Of one instance, in whatever union. */
  readonly instance: (id: string) => string
  /** Everyone of a union. */
  readonly union: (union: string) => string
  /** Events of one kind of work. */
  readonly events: (union: string, job: string, task: string) => string
  /** The pattern for several kinds of work; `+` stands for any. */
  readonly eventPattern: (union: string, job: string, task: string) => string
}

export function channelsOf(prefix: string): Channels {
  const root = `${prefix}pubsub/`
  return {
    instance: (id) => `${root}to/${id}`,
    union: (union) => `${root}all/${union}`,
    events: (union, job, task) => `${root}event/${union}/${job}/${task}`,
    eventPattern: (union, job, task) => `${glob(root)}event/${glob(union)}/${level(job)}/${level(task)}`,
  }
}

function level(name: string): string {
  return name === '+' ? '*' : glob(name)
}

/** Names may hold what a glob pattern reads otherwise. */
function glob(text: string): string {
  return text.replaceAll(/[*?[\]\\^]/g, String.raw`\$&`)
}
