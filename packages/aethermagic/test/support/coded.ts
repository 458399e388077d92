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
