/**
 * What shares an entry with its like: `start` begins each text, `group` the entry. Of what follows a comma in a text nothing
 * begins like that.
 */
interface Kind {
  readonly start: string
  readonly group: string
  /** Of those in one entry: some tens of kilobytes. */
  readonly most: number
}

const intents: Kind = { start: '{"kind":"intent",', group: '{"kind":"intents","of":[', most: 64 }
const outcomes: Kind = { start: '{"kind":"outcome",', group: '{"kind":"outcomes","of":[', most: 200 }

/** Of the store, read in one piece: each may hold many. */
export const entriesAtOnce = 400

/**
 * Texts as they are written: intents that share a commit share an entry, and so do outcomes, which spares most of what
 * there is to write and to chain.
 */
export function gathered(texts: readonly string[]): readonly string[] {
  const of = (kind: Kind) => texts.filter((text) => text.startsWith(kind.start))
  const others = texts.filter((text) => !text.startsWith(intents.start) && !text.startsWith(outcomes.start))
  return [...grouped(of(intents), intents), ...others, ...grouped(of(outcomes), outcomes)]
}

function grouped(texts: readonly string[], { group, most }: Kind): readonly string[] {
  if (texts.length < 2) return texts
  const groups: string[] = []
  for (let i = 0; i < texts.length; i += most) groups.push(`${group}${texts.slice(i, i + most).join(',')}]}`)
  return groups
}

/** @param text one of those that may share an entry */
export function isIntent(text = ''): boolean {
  return text.startsWith(intents.start)
}

/** The texts of which an entry was made. */
export function apart(text: string): readonly string[] {
  for (const { start, group } of [intents, outcomes])
    if (text.startsWith(group))
      return text
        .slice(group.length + start.length, -2)
        .split(`,${start}`)
        .map((rest) => start + rest)
  return [text]
}
