/** How the text of an outcome begins. Within a text quotes are escaped, so this stands nowhere else. */
const start = '{"kind":"outcome",'
const groupStart = '{"kind":"outcomes","of":['
const maxGroup = 200

/** Notes as they are written: outcomes that share a commit share an entry, which halves what there is to write. */
export function gathered(notes: readonly string[]): readonly string[] {
  const outcomes = notes.filter((note) => note.startsWith(start))
  if (outcomes.length < 2) return notes
  const texts = notes.filter((note) => !note.startsWith(start))
  for (let i = 0; i < outcomes.length; i += maxGroup)
    texts.push(`${groupStart}${outcomes.slice(i, i + maxGroup).join(',')}]}`)
  return texts
}

/** The notes of which a text was made. */
export function apart(text: string): readonly string[] {
  if (!text.startsWith(groupStart)) return [text]
  return text
    .slice(groupStart.length + start.length, -2)
    .split(`,${start}`)
    .map((rest) => start + rest)
}
