import { defineTask, type TaskDefinition } from '@aether/core'
import { z } from 'zod'

type Text = z.ZodType<string, string>

/** Shared by the worker's handler module and by whoever performs it. */
export const greet: TaskDefinition<Text, undefined, Text> = defineTask({
  job: 'example',
  task: 'greet',
  input: z.string(),
  output: z.string(),
})
