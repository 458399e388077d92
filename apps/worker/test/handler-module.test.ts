import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { defineTask, type TaskDefinition } from '@aether/core'
import { describe, expect, it } from 'vitest'

import { type HandlerRegistry, loadHandlerModule } from '../src/handler-module.ts'
import { silentLogger } from './captured-handler.ts'
import { temporaryFolder } from './temporary-folder.ts'

interface Loaded {
  readonly names: string[]
  readonly error: unknown
}

async function load(module: string, options: Readonly<Record<string, unknown>> = {}): Promise<Loaded> {
  const names: string[] = []
  const registry: HandlerRegistry = {
    handle(definition: TaskDefinition) {
      names.push(`${definition.job}/${definition.task}`)
    },
  }
  const environment = { logger: silentLogger, concurrency: 3 }
  const error: unknown = await loadHandlerModule({ module, options }, registry, environment).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  return { names, error }
}

async function moduleOf(source: string): Promise<string> {
  const path = join(await temporaryFolder(), 'handlers.mjs')
  await writeFile(path, source)
  return path
}

const task = JSON.stringify(defineTask({ job: 'a', task: 'b' }))

describe('loadHandlerModule', () => {
  it('loads every built-in', async () => {
    expect(await load('builtin:files/digest')).toEqual({ names: ['files/digest'], error: undefined })
    expect(await load('builtin:image/thumbnail')).toEqual({ names: ['image/thumbnail'], error: undefined })
    expect(await load('builtin:text/stats')).toEqual({ names: ['text/stats'], error: undefined })
  })

  it('loads a module by path that exports register, by default or by name, also an asynchronous one', async () => {
    for (const source of [
      `export default (worker) => { worker.handle(${task}, () => 1) }`,
      `export function register(worker) { worker.handle(${task}, () => 1) }`,
      `export default async (worker) => { await null; worker.handle(${task}, () => 1).handle(${task}, () => 2) }`,
    ]) {
      const { names, error } = await load(await moduleOf(source))
      expect(error).toBeUndefined()
      expect(new Set(names)).toEqual(new Set(['a/b']))
    }
  })

  it('hands on the options of the configuration, a logger and the concurrency', async () => {
    const module = await moduleOf(
      `export default (worker, { options, logger, concurrency }) => {
         logger.info('loading')
         worker.handle({ job: options.job, task: String(concurrency) }, () => 1)
       }`,
    )
    expect(await load(module, { job: 'mine' })).toEqual({ names: ['mine/3'], error: undefined })
  })

  it('says what is wrong with a module, by its path', async () => {
    const cases: [string, RegExp][] = [
      ['/nowhere/handlers.mjs', /cannot be loaded/],
      [await moduleOf('export default {'), /cannot be loaded/],
      [await moduleOf('throw new Error("no database")'), /cannot be loaded: no database/],
      [await moduleOf(''), /must export a function register.*exports nothing/],
      [await moduleOf('export const handlers = []'), /must export a function register.*exports handlers/],
      [await moduleOf('export default 1'), /must export a function register/],
      [await moduleOf('export default () => {}'), /registered no handler/],
      ['builtin:files/digset', /is unknown; known are builtin:files\/digest/],
    ]
    for (const [module, text] of cases) {
      const { error } = await load(module)
      expect(error).toMatchObject({ code: 'ERR_AETHER_OPTIONS_INVALID', detail: { module } })
      expect((error as Error).message).toMatch(text)
      expect((error as Error).message).toContain(module)
    }
  })

  it('passes on what a module throws while it registers', async () => {
    const { error } = await load('builtin:files/digest', { rot: '/' })
    expect(error).toMatchObject({ code: 'ERR_AETHER_OPTIONS_INVALID' })
    expect((error as Error).message).toContain('rot')
  })
})
