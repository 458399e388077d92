import { AetherError } from '../errors.ts'

/** What a topic level or a route must not hold; spaces and control characters besides. */
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const forbidden = /[/+#*\s\u0000-\u001f\u007f]/u

const maxNameChars = 200

/** Throws `ERR_AETHER_NAME_INVALID` unless `value` can be a part of a route (or, where allowed, `+`, which stands for any). */
export function checkName(
  what: string,
  value: unknown,
  options: { readonly wildcard?: boolean } = {},
): string {
  if (options.wildcard === true && value === '+') return value
  if (typeof value !== 'string' || value === '' || value.length > maxNameChars || forbidden.test(value)) {
    const shown = typeof value === 'string' ? JSON.stringify(value.slice(0, 50)) : typeof value
    throw new AetherError(
      'ERR_AETHER_NAME_INVALID',
      `${what} ${shown} is no valid name: 1 to ${maxNameChars} characters without / + # *, spaces and control characters`,
      { detail: { what } },
    )
  }
  return value
}
