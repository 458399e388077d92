import type { Route } from '@aether/core'
import { WireError } from '@aether/wire'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type Followed, RunBook } from '../src/run-book.ts'

const routeNamed = (job: string): Route => ({ union: 'u', job, task: 't', context: 'x' })

const steps = fc.array(fc.tuple(fc.boolean(), fc.constantFrom('a', 'b'), fc.nat(200)), { maxLength: 500 })

it('finds each run by its route and tid until it is closed', () => {
  fc.assert(
    fc.property(steps, (taken) => {
      const book = new RunBook()
      const open = new Map<string, Followed>()
      for (const [isOpening, job, number] of taken) {
        const name = `${job}/${number}`
        const known = open.get(name)
        // Another object each time: pages go by the names in it.
        const page = book.page(routeNamed(job))
        expect(book.find(page, String(number))).toBe(known)
        if (isOpening && known === undefined) open.set(name, book.open(page, String(number), 'workers'))
        if (!isOpening && known !== undefined) {
          book.close(known)
          book.close(known)
          expect(known.bookNext).toBeUndefined()
          open.delete(name)
        }
      }
      for (const [name, run] of open) {
        const [job = '', tid = ''] = name.split('/')
        expect(book.find(book.page(routeNamed(job)), tid)).toBe(run)
      }
      const counted = ['a', 'b'].map((job) => book.page(routeNamed(job)).openRuns)
      expect(counted[0]! + counted[1]!).toBe(open.size)
    }),
  )
})

it('closes a run that is refused, and says so with an error of core', async () => {
  const book = new RunBook()
  const page = book.page(routeNamed('a'))
  const refused = book.open(page, '1', 'workers')
  refused.refused(new WireError('ERR_AETHER_QUEUE_FULL', 'full', { retryable: true }))
  expect(book.find(page, '1')).toBeUndefined()
  await expect(refused.receipt).rejects.toMatchObject({ code: 'ERR_AETHER_QUEUE_FULL', retryable: true })
  const joined = book.open(page, '1', 'workers')
  joined.confirmed(true)
  expect(book.find(page, '1')).toBe(joined)
  await expect(joined.receipt).resolves.toEqual({ deduplicated: true })
})
