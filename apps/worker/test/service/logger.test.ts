import { describe, expect, it } from 'vitest'

import { coreLogger, serviceLogger } from '../../src/service/logger.ts'

describe('coreLogger', () => {
  it('writes one JSON line a message, with its fields, errors in full and secrets hidden', () => {
    const lines: string[] = []
    const pino = serviceLogger({
      level: 'info',
      name: 'w1',
      destination: { write: (line: string) => void lines.push(line) },
    })
    const logger = coreLogger(pino)
    logger.debug('not this')
    logger.info('hello', { tid: 't', token: 's3cret', options: { password: 's3cret' } })
    logger.warn('plain')
    logger.error('broken', { error: new Error('why', { cause: new Error('because') }) })
    const read = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(read).toMatchObject([
      {
        level: 30,
        worker: 'w1',
        msg: 'hello',
        tid: 't',
        token: '[secret]',
        options: { password: '[secret]' },
      },
      { level: 40, msg: 'plain' },
      { level: 50, msg: 'broken', error: { type: 'Error', message: 'why: because' } },
    ])
    expect(lines.join('')).not.toContain('s3cret')
  })
})
