/** Waits for a condition; fails with what it waited for. */
export async function until(what: string, isSo: () => boolean, limitMs = 60_000): Promise<void> {
  const end = performance.now() + limitMs
  while (!isSo()) {
    if (performance.now() > end) throw new Error(`waited ${limitMs} ms in vain: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** An error as tests look for it. */
export function coded(code: string, text?: RegExp): unknown {
  return {
    asymmetricMatch: (error: unknown) =>
      error instanceof Error &&
      'code' in error &&
      error.code === code &&
      (text === undefined || text.test(error.message)),
    toString: () => 'AetherError',
    toAsymmetricMatcher: () => `${code}${text === undefined ? '' : ` saying ${String(text)}`}`,
  }
}
