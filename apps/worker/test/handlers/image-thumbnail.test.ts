import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import sharp from 'sharp'
import { describe, expect, it } from 'vitest'

import { register } from '../../src/handlers/image-thumbnail.ts'
import { imageThumbnail, type ThumbnailOutput } from '../../src/tasks.ts'
import { capturedHandler } from '../captured-handler.ts'
import { temporaryFolder } from '../temporary-folder.ts'

/** Left half red, right half blue. */
async function picture(width = 200, height = 100): Promise<Buffer> {
  const half = await sharp({ create: { width: width / 2, height, channels: 3, background: '#0000ff' } })
    .png()
    .toBuffer()
  return sharp({ create: { width, height, channels: 3, background: '#ff0000' } })
    .composite([{ input: half, left: width / 2, top: 0 }])
    .png()
    .toBuffer()
}

async function thumbnail(input: object): Promise<ThumbnailOutput> {
  return (await capturedHandler(register).call(input)) as ThumbnailOutput
}

describe('image/thumbnail', () => {
  it('makes a picture of the size and format asked for, and the picture is still the same', async () => {
    const bytes = await picture()
    for (const format of ['jpeg', 'png', 'webp', 'avif'] as const) {
      const made = await thumbnail({ source: { bytes }, width: 40, format })
      expect(made).toMatchObject({ format, width: 40, height: 20 })
      const read = await sharp(made.image).metadata()
      expect({ ...read, format: read.format === 'heif' ? 'avif' : read.format }).toMatchObject({
        format,
        width: 40,
        height: 20,
      })
      const { data } = await sharp(made.image).removeAlpha().raw().toBuffer({ resolveWithObject: true })
      const at = (x: number): number[] => [...data.subarray((10 * 40 + x) * 3, (10 * 40 + x) * 3 + 3)]
      expect(at(5)[0]).toBeGreaterThan(200)
      expect(at(5)[2]).toBeLessThan(60)
      expect(at(34)[2]).toBeGreaterThan(200)
    }
  })

  it('reads from a file', async () => {
    const path = join(await temporaryFolder(), 'a.png')
    await writeFile(path, await picture())
    expect(await thumbnail({ source: { path }, height: 10 })).toMatchObject({
      format: 'webp',
      width: 20,
      height: 10,
    })
  })

  it('fits as asked', async () => {
    const source = { bytes: await picture() }
    expect(await thumbnail({ source, width: 50, height: 50 })).toMatchObject({ width: 50, height: 50 })
    expect(await thumbnail({ source, width: 50, height: 50, fit: 'inside' })).toMatchObject({
      width: 50,
      height: 25,
    })
    expect(await thumbnail({ source, width: 50, height: 50, fit: 'outside' })).toMatchObject({
      width: 100,
      height: 50,
    })
  })

  it('turns a picture upright and keeps none of its metadata', async () => {
    const bytes = await sharp(await picture())
      .jpeg()
      .withMetadata({ orientation: 6 })
      .toBuffer()
    const made = await thumbnail({ source: { bytes }, width: 20 })
    expect(made).toMatchObject({ width: 20, height: 40 })
    expect(await sharp(made.image).metadata()).not.toHaveProperty('exif')
  })

  it('refuses what is no picture, or hides an enormous one', async () => {
    await expect(thumbnail({ source: { bytes: Buffer.from('no picture') }, width: 9 })).rejects.toMatchObject(
      {
        code: 'ERR_AETHER_TASK_FAILED',
      },
    )
    const bomb = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="32000" height="32000"/>')
    await expect(thumbnail({ source: { bytes: bomb }, width: 9 })).rejects.toThrow(/pixel limit/)
  })

  it('asks for a width or a height, within bounds', async () => {
    const check = async (input: object): Promise<boolean> => {
      const result = await imageThumbnail.input['~standard'].validate(input)
      return result.issues === undefined
    }
    const source = { path: '/a' }
    expect(await check({ source, width: 1 })).toBe(true)
    expect(await check({ source })).toBe(false)
    expect(await check({ source, width: 2_049 })).toBe(false)
    expect(await check({ source, width: 1, hight: 2 })).toBe(false)
  })
})
