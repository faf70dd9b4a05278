import type { JsonSchema } from '../../base/json.ts'
import type {
  MediaTypePlan,
  OperationPlan,
  ResponseHeaderPlan,
  ResponseValidation,
} from '../../program/program.ts'
import type { Validator } from '../../schema/validator.ts'
import type { ReadContent } from './content.ts'
import { linkForm } from './read-form.ts'
import { linkText } from './read-text.ts'
import { readJsonContent } from './validate-body.ts'

/** The answers that the contract lets an operation give, and what becomes of others. */
export interface LinkedResponses {
  readonly mode: Exclude<ResponseValidation, 'off'>
  readonly byStatus: ReadonlyMap<string, LinkedResponse>
  /** An answer must be had whole and without a content coding, or it could neither be judged nor cut. */
  readonly whole: boolean
  /** Most octets of an answer that are held to be judged. */
  readonly maxBytes: number
}

export interface LinkedResponse {
  readonly headers: readonly LinkedResponseHeader[]
  readonly content: readonly LinkedResponseContent[]
}

export interface LinkedResponseHeader {
  readonly plan: ResponseHeaderPlan
  /** Null where only the presence is checked. */
  readonly validator: (() => Validator) | null
}

export interface LinkedResponseContent {
  readonly plan: MediaTypePlan
  /** Null for `opaque` and `unread`. */
  readonly judged: JudgedContent | null
}

export interface JudgedContent {
  readonly read: ReadContent
  readonly validator: () => Validator
  /** Undeclared fields can be cut out of it. */
  readonly strippable: boolean
}

/**
 * Null where answers are not looked at. Validators are made at their first use: most of a large contract's schemas are
 * those of its answers, and few of its operations are called in the life of one process.
 */
export function linkResponses(
  plan: OperationPlan,
  compile: (schema: JsonSchema) => Validator,
): LinkedResponses | null {
  const { validateResponses: mode, responses, maxResponseBytes: maxBytes } = plan
  if (mode === 'off') return null
  const byStatus = new Map<string, LinkedResponse>()
  for (const { status, headers, content } of responses) {
    byStatus.set(status, {
      headers: headers.map((header) => {
        const { value } = header
        return { plan: header, validator: value && once(() => compile(value.schema)) }
      }),
      content: content.map((one) => ({
        plan: one,
        judged: judgedContent(one, compile),
      })),
    })
  }
  const judged = [...byStatus.values()].some(({ content }) => content.some((one) => one.judged))
  return { mode, byStatus, whole: judged && mode !== 'report', maxBytes }
}

function judgedContent(
  plan: MediaTypePlan,
  compile: (schema: JsonSchema) => Validator,
): JudgedContent | null {
  const validator = once(() => compile(plan.schema))
  if (plan.reading === 'json') return { read: readJsonContent, validator, strippable: true }
  if (plan.reading === 'text') return { read: linkText(plan.primitives), validator, strippable: false }
  if (plan.reading === 'form') return { read: linkForm(plan), validator, strippable: false }
  return null
}

function once(make: () => Validator): () => Validator {
  let made: Validator | null = null
  return () => {
    made ??= make()
    return made
  }
}
