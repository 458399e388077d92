import * as v from 'valibot'
import { describe, expectTypeOf, it } from 'vitest'
import { z } from 'zod'

import type { Aether } from '../../src/app/aether.ts'
import { createAether } from '../../src/app/create-aether.ts'
import type { Run, Settlement } from '../../src/client/run.ts'
import { defineTask } from '../../src/define/define-task.ts'
import type {
  HandlerInput,
  HandlerOutput,
  ProgressInput,
  TaskInput,
  TaskOutput,
  TaskProgress,
} from '../../src/define/task-definition.ts'
import type { AetherError } from '../../src/errors.ts'
import type { Capabilities, Transport } from '../../src/transport.ts'

const withZod = defineTask({
  job: 'image',
  task: 'resize',
  input: z.object({ width: z.number(), taken: z.string().transform((at) => new Date(at)) }),
  progress: z.object({ percent: z.number() }),
  output: z.string().transform((text) => text.length),
})

const withValibot = defineTask({
  job: 'image',
  task: 'resize',
  input: v.object({
    width: v.number(),
    taken: v.pipe(
      v.string(),
      v.transform((at) => new Date(at)),
    ),
  }),
  progress: v.object({ percent: v.number() }),
  output: v.pipe(
    v.string(),
    v.transform((text) => text.length),
  ),
})

const bare = defineTask({ job: 'image', task: 'bare' })

declare const aether: Aether

describe('types follow from the schemas', () => {
  it('with zod', () => {
    expectTypeOf<TaskInput<typeof withZod>>().toEqualTypeOf<{ width: number; taken: string }>()
    expectTypeOf<HandlerInput<typeof withZod>>().toEqualTypeOf<{ width: number; taken: Date }>()
    expectTypeOf<ProgressInput<typeof withZod>>().toEqualTypeOf<{ percent: number }>()
    expectTypeOf<TaskProgress<typeof withZod>>().toEqualTypeOf<{ percent: number }>()
    expectTypeOf<HandlerOutput<typeof withZod>>().toEqualTypeOf<string>()
    expectTypeOf<TaskOutput<typeof withZod>>().toEqualTypeOf<number>()
  })

  it('with valibot', () => {
    expectTypeOf<TaskInput<typeof withValibot>>().toEqualTypeOf<{ width: number; taken: string }>()
    expectTypeOf<HandlerInput<typeof withValibot>>().toEqualTypeOf<{ width: number; taken: Date }>()
    expectTypeOf<TaskProgress<typeof withValibot>>().toEqualTypeOf<{ percent: number }>()
    expectTypeOf<HandlerOutput<typeof withValibot>>().toEqualTypeOf<string>()
    expectTypeOf<TaskOutput<typeof withValibot>>().toEqualTypeOf<number>()
  })

  it('and are unknown without', () => {
    expectTypeOf<TaskInput<typeof bare>>().toBeUnknown()
    expectTypeOf<HandlerInput<typeof bare>>().toBeUnknown()
    expectTypeOf<TaskOutput<typeof bare>>().toBeUnknown()
  })
})

describe('perform', () => {
  it('gives a typed run', () => {
    const run = aether.perform(withZod, { width: 1, taken: 'now' })
    expectTypeOf(run).toEqualTypeOf<Run<number, { percent: number }>>()
    expectTypeOf(run.progress).toEqualTypeOf<AsyncIterable<{ percent: number }>>()
    expectTypeOf(run.settle()).resolves.toEqualTypeOf<Settlement<number>>()
    expectTypeOf<Awaited<typeof run>>().toEqualTypeOf<number>()
  })

  it('narrows how it ended by its status', () => {
    const settlement = {} as Settlement<number>
    if (settlement.status === 'succeeded') expectTypeOf(settlement.value).toBeNumber()
    else expectTypeOf(settlement.error).toEqualTypeOf<AetherError>()
  })

  it('refuses input of another type, and none where there must be some', () => {
    // @ts-expect-error -- width is a number
    void aether.perform(withZod, { width: '1', taken: 'now' })
    // @ts-expect-error -- the caller passes what goes into the schema, not what comes out
    void aether.perform(withValibot, { width: 1, taken: new Date() })
    // @ts-expect-error -- input is needed
    void aether.perform(withZod)
    void aether.perform(bare)
    void aether.perform(bare, 1, { deadlineMs: 5 })
  })

  it('types the progress of callbacks', () => {
    void aether.perform(
      withZod,
      { width: 1, taken: '' },
      {
        onStatus: (status) => expectTypeOf(status.data).toEqualTypeOf<{ percent: number } | undefined>(),
      },
    )
  })
})

describe('handlers', () => {
  it('receive what comes out of the input schema and return what goes into the output schema', () => {
    aether.worker().handle(withZod, async (input, ctx) => {
      expectTypeOf(input).toEqualTypeOf<{ width: number; taken: Date }>()
      expectTypeOf(ctx.progress).parameter(0).toEqualTypeOf<{ percent: number }>()
      const nested = ctx.perform(withValibot, { width: 1, taken: '' })
      expectTypeOf<Awaited<typeof nested>>().toEqualTypeOf<number>()
      return 'text'
    })
    // @ts-expect-error -- the output schema takes text
    aether.worker().handle(withZod, () => 5)
    // @ts-expect-error -- progress has a schema of its own
    aether.worker().handle(withZod, (_input, ctx) => ctx.progress({ pct: 5 }).then(() => 'text'))
  })
})

describe('listen', () => {
  it('hears typed events', () => {
    void aether.listen(withZod, (event) => {
      if (event.action === 'status')
        expectTypeOf(event.status.data).toEqualTypeOf<{ percent: number } | undefined>()
      if (event.action === 'complete') expectTypeOf(event.settlement).toEqualTypeOf<Settlement<number>>()
    })
    void aether.listen('image', 'resize', 'x', 'perform', 'workers', (ctx, data) => {
      expectTypeOf(data).toBeUnknown()
      return ctx.status(5)
    })
  })
})

interface Poor extends Capabilities {
  readonly delay: false
  readonly priority: false
  readonly groups: false
  readonly results: false
}

interface Rich extends Capabilities {
  readonly delay: true
  readonly priority: true
  readonly groups: true
  readonly results: true
}

declare const poor: Transport<Poor>
declare const rich: Transport<Rich>

describe('capabilities', () => {
  it('that a transport does not have cannot be asked for', () => {
    const limited = createAether({ union: 'u', transport: poor })
    // @ts-expect-error -- no delay
    void limited.perform(bare, 1, { delayMs: 5 })
    // @ts-expect-error -- no priority
    void limited.perform(bare, 1, { priority: 5 })
    // @ts-expect-error -- no workgroups
    void limited.perform(bare, 1, { workgroup: 'audit' })
    // @ts-expect-error -- no stored results
    void limited.attach(bare, 'tid')
    void limited.perform(bare, 1, { deadlineMs: 5 })
  })

  it('that it has can', () => {
    const able = createAether({ union: 'u', transport: rich })
    void able.perform(bare, 1, { delayMs: 5, priority: 5, workgroup: 'audit' })
    expectTypeOf<Awaited<ReturnType<typeof able.attach<typeof withZod>>>>().toEqualTypeOf<number>()
  })

  it('that one of several channels has can be asked for: which one is known only when it runs', () => {
    const both = createAether({ union: 'u', channels: { poor, rich } })
    void both.perform(bare, 1, { delayMs: 5, channel: 'rich' })
    void both.attach(bare, 'tid', { channel: 'rich' })
  })

  it('do not keep an application from being passed on', () => {
    expectTypeOf(createAether({ union: 'u', transport: rich })).toExtend<Aether>()
  })
})

describe('definitions', () => {
  it('have no options that are unknown, and no schema that is none', () => {
    // @ts-expect-error -- a misspelt option
    defineTask({ job: 'a', task: 'b', deadline: 5 })
    // @ts-expect-error -- a function is no Standard Schema
    defineTask({ job: 'a', task: 'b', input: (value: unknown) => value })
    // @ts-expect-error -- a task has a name
    defineTask({ job: 'a' })
  })
})
