import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'

/** The modules that are loaded with this one, and the packages that those need: types and later imports do not count. */
function loadedBy(entry: string): ReadonlySet<string> {
  const packages = new Set<string>()
  const seen = new Set<string>()
  const visit = (url: URL): void => {
    if (seen.has(url.href)) return
    seen.add(url.href)
    const imports = readFileSync(url, 'utf8').matchAll(/^(?:import|export) (?!type )[^;]*?from '([^']+)'/gms)
    for (const [, from = ''] of imports) {
      if (from.startsWith('.')) visit(new URL(from, url))
      else if (!from.startsWith('node:')) packages.add(from)
    }
  }
  visit(new URL(`../src/${entry}`, import.meta.url))
  return packages
}

it('the balancer alone is light: what few use is loaded by those who use it', () => {
  expect([...loadedBy('index.ts')].toSorted()).toEqual(['cookie', 'ipaddr.js', 'leven', 'lru-cache'])
  expect(loadedBy('control/execute.ts')).toContain('zod')
  expect(loadedBy('control/config.ts')).toContain('yaml')
  expect(loadedBy('observe/prometheus.ts')).toContain('prom-client')
})
