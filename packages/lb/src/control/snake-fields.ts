import { checkFields, type Fields } from '../check-options.ts'

/** How a key of a configuration file becomes an option: its name, and for times given in seconds the factor to milliseconds. */
export type KeyMap = Readonly<Record<string, string | readonly [name: string, factor: number]>>

/** Options from a section whose keys are those of the map; other keys are refused. Values are checked where the options are. */
export function mapKeys(section: unknown, path: string, map: KeyMap): Record<string, unknown> {
  const fields: Fields = checkFields(section, path, Object.keys(map))
  const options: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(fields)) {
    const target = map[key]
    // A key without a value in YAML is null: as if it were not there.
    if (target === undefined || value === undefined || value === null) continue
    if (typeof target === 'string') options[target] = value
    else options[target[0]] = typeof value === 'number' ? value * target[1] : value
  }
  return options
}
