import { duplicateError } from '../errors.ts'
import { type NamedBackends, type NameOptions, type NameParts, ResolvedName } from './named-backends.ts'

/** The names that are followed. */
export class Names implements Iterable<NamedBackends> {
  private readonly followed = new Set<ResolvedName>()
  private readonly parts: Omit<NameParts, 'onClose'>

  constructor(parts: Omit<NameParts, 'onClose'>) {
    this.parts = parts
  }

  /** Those that are not resolved yet may still come to nothing. */
  *[Symbol.iterator](): Iterator<NamedBackends> {
    for (const name of this.followed) if (name.isOpen) yield name
  }

  async add(options: NameOptions): Promise<NamedBackends> {
    const name = new ResolvedName(options, { ...this.parts, onClose: () => this.followed.delete(name) })
    if ([...this.followed].some(({ id }) => id === name.id)) throw duplicateError('name', name.id)
    this.followed.add(name)
    try {
      await name.open()
    } catch (error) {
      this.followed.delete(name)
      throw error
    }
    return name
  }

  close(): void {
    for (const name of this.followed) name.close()
  }
}
