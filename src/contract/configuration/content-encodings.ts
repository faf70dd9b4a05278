import { type RequestCoding, requestCodings } from '../../program/program.ts'
import type { Section } from '../section.ts'

/** Reads `validate.contentEncodings`; undefined where it is not written. */
export function readContentEncodings(validate: Section | undefined): readonly RequestCoding[] | undefined {
  const written = validate?.texts('contentEncodings')
  if (!validate || !written) return undefined
  const known = requestCodings.filter((coding) => written.includes(coding))
  if (known.length !== new Set(written).size)
    validate.wrong('contentEncodings', `a list of ${requestCodings.join(', ')}`)
  return known
}
