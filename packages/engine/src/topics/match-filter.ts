/** Whether a filter matches a topic, both valid: the plain rule, for one pair at a time. A leading wildcard does not match a topic that begins with `$`. */
export function matchFilter(filter: string, topic: string): boolean {
  const wanted = filter.split('/')
  const levels = topic.split('/')
  if (topic.startsWith('$') && (wanted[0] === '+' || wanted[0] === '#')) return false
  for (let i = 0; i < wanted.length; i++) {
    const want = wanted[i]
    if (want === '#') return true
    if (i >= levels.length) return false
    if (want !== '+' && want !== levels[i]) return false
  }
  return wanted.length === levels.length
}
