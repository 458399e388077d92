/** An empty body, shared: nobody can write into zero bytes. */
export const emptyBytes: Uint8Array = new Uint8Array(0)

const encoder = new TextEncoder()
// Fatal, so that broken bytes are an error and not silently another text.
const decoder = new TextDecoder('utf-8', { fatal: true })

// Buffer takes small strings from a pool and is several times faster than TextEncoder in Node; browsers have none.
const hasBuffer = typeof Buffer === 'function' && typeof Buffer.from === 'function'

/** The UTF-8 bytes of a text; a lone surrogate becomes U+FFFD. */
export const encodeUtf8: (text: string) => Uint8Array = hasBuffer
  ? (text) => Buffer.from(text, 'utf8')
  : (text) => encoder.encode(text)

/** The text of UTF-8 bytes; throws `TypeError` where they are none. */
export function decodeUtf8(bytes: Uint8Array): string {
  return decoder.decode(bytes)
}
