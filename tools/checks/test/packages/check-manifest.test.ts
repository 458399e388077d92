import { describe, expect, it } from 'vitest'
import { checkManifest } from '../../src/packages/check-manifest.ts'

const sound = {
  name: '@aether/x',
  description: 'X.',
  license: 'MIT',
  type: 'module',
  engines: { node: '>=20.19' },
  publishConfig: { access: 'public' },
  exports: {
    '.': { '@aether/source': './src/index.ts', types: './dist/index.d.ts', default: './dist/index.js' },
    './package.json': './package.json',
  },
}

describe('checkManifest', () => {
  it('accepts what is complete', () => {
    expect(checkManifest(sound)).toEqual([])
  })

  it('names everything that a package lacks', () => {
    expect(checkManifest({ name: '@aether/x' })).toEqual([
      'lacks "type": "module"',
      'lacks "engines": { "node": ">=20.19" }',
      'lacks "license": "MIT"',
      'lacks a description',
      'lacks "publishConfig": { "access": "public" }',
      'does not export "./package.json"',
    ])
  })

  it('asks less of a private package', () => {
    expect(checkManifest({ ...sound, private: true, publishConfig: {}, exports: {} })).toEqual([])
  })

  it('objects to types that come after the code', () => {
    const exports = { ...sound.exports, './sub': { default: './dist/sub.js', types: './dist/sub.d.ts' } }
    expect(checkManifest({ ...sound, exports })).toEqual([
      'exports "./sub" with other conditions than "@aether/source", "types" and "default", in this order',
    ])
  })
})
