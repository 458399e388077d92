import { describe, expect, it } from 'vitest'
import { checkTarballFiles } from '../../src/packages/tarball-files.ts'

const manifest = {
  name: '@aether/x',
  bin: { x: './dist/cli.js' },
  exports: {
    '.': { '@aether/source': './src/index.ts', types: './dist/index.d.ts', default: './dist/index.js' },
    './package.json': './package.json',
  },
}
const files = [
  'LICENSE',
  'README.md',
  'package.json',
  'dist/cli.js',
  'dist/index.d.ts',
  'dist/index.js',
  'dist/index.js.map',
  'src/index.ts',
]

describe('checkTarballFiles', () => {
  it('accepts what users need', () => {
    expect(checkTarballFiles(manifest, files)).toEqual([])
  })

  it('names what is missing', () => {
    expect(
      checkTarballFiles(
        manifest,
        files.filter((file) => file !== 'LICENSE' && file !== 'dist/cli.js'),
      ),
    ).toEqual(['its tarball lacks LICENSE', 'its tarball lacks dist/cli.js'])
  })

  it('names what does not belong there', () => {
    expect(checkTarballFiles(manifest, [...files, 'dist/.tsbuildinfo', 'test/x.test.ts', '.env'])).toEqual([
      'its tarball holds dist/.tsbuildinfo, which no user needs',
      'its tarball holds test/x.test.ts, which no user needs',
      'its tarball holds .env, which no user needs',
    ])
  })
})
