import { AetherError } from '@aether/core'
import { z } from 'zod'

import { type FileAccess, fileAccess } from '../files/file-access.ts'

const schema = z.strictObject({ root: z.string().startsWith('/', 'must be an absolute path').optional() })

/** File access as the options of a handler module allow it. Throws `ERR_AETHER_OPTIONS_INVALID`. */
export function fileAccessFrom(module: string, options: Readonly<Record<string, unknown>>): FileAccess {
  const parsed = schema.safeParse(options)
  if (parsed.success) return fileAccess(parsed.data)
  throw new AetherError(
    'ERR_AETHER_OPTIONS_INVALID',
    `options of ${module}: ${z.prettifyError(parsed.error)}`,
  )
}
