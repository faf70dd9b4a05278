import type { Sample } from './collect.ts'
import { type Family, type FamilyId, families } from './families.ts'

/** Prometheus' text format, or OpenMetrics; a scraper asks for the latter. */
export interface Exposition {
  readonly type: string
  readonly body: string
}

const text = 'text/plain; version=0.0.4; charset=utf-8'
const openMetrics = 'application/openmetrics-text; version=1.0.0; charset=utf-8'

/**
 * @param accept what the scraper takes; OpenMetrics only where it is named
 * @see Prometheus exposition formats, text format 0.0.4; OpenMetrics 1.0.0
 */
export function expose(samples: readonly Sample[], accept = ''): Exposition {
  const open = /application\/openmetrics-text\s*(?:;\s*version="?1\.|,|$)/.test(accept)
  const byFamily = Map.groupBy(samples, ({ family }) => family)
  const lines: string[] = []
  for (const [id, family] of Object.entries(families) as [FamilyId, Family][]) {
    // A counter's family has no suffix in OpenMetrics; its samples have.
    const name = open && family.type === 'counter' ? family.name.replace(/_total$/, '') : family.name
    lines.push(`# HELP ${name} ${family.help}`, `# TYPE ${name} ${family.type}`)
    for (const sample of byFamily.get(id) ?? []) addSample(lines, family, sample, open)
  }
  if (open) lines.push('# EOF')
  return { type: open ? openMetrics : text, body: `${lines.join('\n')}\n` }
}

function addSample(lines: string[], family: Family, { labels, cells }: Sample, open: boolean): void {
  const { name, bounds } = family
  const named = family.labels.map((label, index) => `${label}="${escapeLabel(labels[index] ?? '')}"`)
  if (!bounds) {
    lines.push(`${name}${braced(named)} ${cells[0]}`)
    return
  }
  let cumulative = 0
  for (const [index, bound] of bounds.entries()) {
    cumulative += cells[index] ?? 0
    // OpenMetrics writes bounds as canonical floats.
    const le = open && Number.isInteger(bound) ? `${bound}.0` : `${bound}`
    lines.push(`${name}_bucket${braced([...named, `le="${le}"`])} ${cumulative}`)
  }
  cumulative += cells[bounds.length] ?? 0
  lines.push(`${name}_bucket${braced([...named, 'le="+Inf"'])} ${cumulative}`)
  lines.push(`${name}_sum${braced(named)} ${cells[bounds.length + 1]}`)
  lines.push(`${name}_count${braced(named)} ${cumulative}`)
}

function braced(labels: readonly string[]): string {
  return labels.length === 0 ? '' : `{${labels.join(',')}}`
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
