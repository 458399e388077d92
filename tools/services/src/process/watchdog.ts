import { type ChildProcess, spawn } from 'node:child_process'

/** Reads one pid a line; when nobody can write any more, the last one is killed and the folder removed. */
const script = `
pid=0
while read -r line; do pid=$line; done
[ "$pid" -eq 0 ] || kill -9 "$pid" 2>/dev/null
rm -rf -- "$1"
`

/**
 * A small process that outlives this one, however this one ends: a pipe between them closes then, and the watchdog kills the server it was told of and
 * removes its folder. In a session of its own, so that what is sent to the group of this process does not reach it.
 */
export class Watchdog {
  readonly #child: ChildProcess
  readonly #ended: Promise<void>

  constructor(folder: string) {
    this.#child = spawn('sh', ['-c', script, 'watchdog', folder], {
      cwd: '/',
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    this.#ended = new Promise((resolve, reject) => {
      this.#child.once('error', reject)
      this.#child.once('exit', () => resolve())
    })
    // Looked at in `dismiss`; a watchdog that is gone has nothing to write to.
    this.#ended.catch(() => undefined)
    this.#child.stdin?.on('error', () => undefined)
    this.#child.unref()
  }

  watch(pid: number): void {
    this.#child.stdin?.write(`${pid}\n`)
  }

  /** The server has ended: its pid may be another's by now. */
  forget(): void {
    this.#child.stdin?.write('0\n')
  }

  /** Resolves when the folder is removed and the watchdog gone. */
  async dismiss(): Promise<void> {
    this.#child.ref()
    this.#child.stdin?.end()
    await this.#ended
  }
}
