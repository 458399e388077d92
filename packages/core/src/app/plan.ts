import { codecSet, type CodecSet } from '../codec/codec-set.ts'
import type { Codec } from '../codec/codec.ts'
import type { TaskDefinition } from '../define/task-definition.ts'
import { checkName } from '../topic/names.ts'
import type { Route } from '../transport.ts'
import { optionsInvalid } from './check-options.ts'

/** Contexts remembered per definition: a free label could take any number of values. */
const maxRoutes = 1_000

/** What one application knows of one definition, made once: its codecs, and one `Route` for each context instead of one for each task. */
export interface Plan {
  readonly definition: TaskDefinition
  readonly codecs: CodecSet
  route(context: string): Route
}

/** Finds or makes the plan of a definition; throws `ERR_AETHER_OPTIONS_INVALID` for what `defineTask` did not make. */
export class Plans {
  readonly #union: string
  readonly #codecs: CodecSet
  readonly #plans = new WeakMap<TaskDefinition, Plan>()

  constructor(union: string, codec: Codec | undefined) {
    this.#union = union
    this.#codecs = codecSet(codec)
  }

  /** The application's own codecs. */
  get codecs(): CodecSet {
    return this.#codecs
  }

  of(definition: TaskDefinition): Plan {
    const known = this.#plans.get(definition)
    if (known !== undefined) return known
    if (typeof definition?.job !== 'string' || typeof definition.backoff !== 'function') {
      throw optionsInvalid('aether', 'definition', 'what defineTask returned', definition)
    }
    const plan = this.#make(definition)
    this.#plans.set(definition, plan)
    return plan
  }

  #make(definition: TaskDefinition): Plan {
    const { job, task, codec } = definition
    const union = this.#union
    const routes = new Map<string, Route>()
    return {
      definition,
      codecs: codec === undefined ? this.#codecs : codecSet(codec),
      route(context) {
        const known = routes.get(context)
        if (known !== undefined) return known
        if (routes.size >= maxRoutes) routes.clear()
        const route = Object.freeze({ union, job, task, context: checkContext(context) })
        routes.set(context, route)
        return route
      },
    }
  }
}

/** `+` is any context, for workers and listeners. */
function checkContext(context: string): string {
  return context === '+' ? context : checkName('context', context)
}
