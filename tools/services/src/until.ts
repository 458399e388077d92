/** Resolves when `holds` does, asked again and again; after the timeout it rejects and says what was waited for. */
export async function until(what: string, timeoutMs: number, holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + timeoutMs
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`within ${timeoutMs} ms: not ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
