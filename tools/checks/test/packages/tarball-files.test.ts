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

const readme = `# x\n\nSee [the code](src/index.ts#L3), [errors](../../docs/errors.md), [here](#x), [a site](https://a.example/b.md).\n`

describe('checkTarballFiles', () => {
  it('accepts what users need', () => {
    expect(checkTarballFiles(manifest, files, readme)).toEqual([])
  })

  it('names what is missing', () => {
    expect(
      checkTarballFiles(
        manifest,
        files.filter((file) => file !== 'LICENSE' && file !== 'dist/cli.js'),
        readme,
      ),
    ).toEqual(['its tarball lacks LICENSE', 'its tarball lacks dist/cli.js'])
  })

  it('names what does not belong there', () => {
    const strange = ['dist/.tsbuildinfo', 'test/x.test.ts', '.env']
    expect(checkTarballFiles(manifest, [...files, ...strange], readme)).toEqual([
      'its tarball holds dist/.tsbuildinfo, which no user needs',
      'its tarball holds test/x.test.ts, which no user needs',
      'its tarball holds .env, which no user needs',
    ])
  })

  it('names what the README leads to and is not there', () => {
    const leading = `${readme}\nRead [how](docs/how.md) and [a folder](docs).\n\n\`\`\`ts\nfiles[0](none)\n\`\`\`\n`
    expect(checkTarballFiles(manifest, files, leading)).toEqual([
      'its tarball lacks docs/how.md, to which its README leads',
      'its tarball lacks docs, to which its README leads',
    ])
    expect(checkTarballFiles(manifest, [...files, 'docs/how.md'], leading)).toEqual([])
  })
})
