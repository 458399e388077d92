import { createAether } from '@aether/core'
import { tcp } from '@aether/transport-tcp'
import { textStats } from '@aether/worker'

import { greet } from './greeting.ts'

const transport = tcp({ url: process.env['AETHER_URL'] ?? 'tcp://127.0.0.1:7411' })
await using aether = createAether({ union: 'aether', transport })
console.log(await aether.perform(greet, 'world'))
const { words, characters } = await aether.perform(textStats, { text: 'One 👩‍👩‍👧 family' })
console.log(`${words} words, ${characters} characters`)
