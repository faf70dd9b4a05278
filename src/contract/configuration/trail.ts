import { createPrivateKey } from 'node:crypto'
import { parseDuration } from '../../base/duration.ts'
import type { Method, SegmentPlan, TrailPlan } from '../../program/program.ts'
import type { TrailSettings } from '../../program/settings.ts'
import type { Section } from '../section.ts'
import { readSecret } from './files.ts'
import { keys } from './keys.ts'

/** What stands on the audit trail of operations that say nothing about it. */
export interface TrailDefault {
  readonly records: 'writes' | 'everything' | 'marked' | 'nothing'
  readonly onFault: TrailPlan['onFault']
}

/** What one level of the contract says; undefined leaves it to the next one. */
export interface WrittenTrail {
  readonly recorded: boolean
  readonly onFault: TrailPlan['onFault'] | undefined
  readonly hash: readonly string[]
}

const onFaults = ['deny', 'continue'] as const
const defaultCheckpointMs = 10_000
const dayMs = 86_400_000

/** Methods that ask for no change (RFC 9110 9.2.1). */
const safe: ReadonlySet<Method> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'QUERY'])

/** Where the trail is; null when there is none. */
export function readTrail(root: Section, env: NodeJS.ProcessEnv): TrailSettings | null {
  if (root.get('trail') === false) {
    root.report.warn(
      'weakening',
      root.position('trail'),
      'nothing stands on an audit trail',
      'remove trail: false',
    )
    return null
  }
  const section = root.child('trail')?.expect(keys.trail)
  const database =
    section && section.get('database') !== 'sqlite' ? readSecret(section, 'database', env) : undefined
  if (database !== undefined && !/^postgres(?:ql)?:\/\//.test(database))
    section?.wrong('database', 'sqlite, or a URL postgres://… from ${NAME} or file:PATH')
  if (section && !section.has('key'))
    section.report.warn(
      'trail-key-kept',
      section.position(),
      'the key that signs the audit trail is kept under stateDir: whoever has that disk can sign a trail of their own',
      'write key: ${TRAIL_KEY}, and keep checkpoints elsewhere',
    )
  const keepMs = section?.parsed('keep', parseDuration, 'a duration such as 400d')
  if (keepMs !== undefined && keepMs < dayMs) section?.wrong('keep', 'at least 1d')
  const checkpointMs =
    section?.parsed('checkpointEvery', parseDuration, 'a duration such as 10s') ?? defaultCheckpointMs
  if (checkpointMs < 1000 || checkpointMs > 3_600_000) section?.wrong('checkpointEvery', 'from 1s to 1h')
  return {
    database: database ?? null,
    durability: section?.choice('durability', ['power', 'process']) ?? 'power',
    key: section ? readSigningKey(section, env) : null,
    keepMs: keepMs ?? null,
    checkpointMs,
  }
}

function readSigningKey(section: Section, env: NodeJS.ProcessEnv): string | null {
  const written = section.has('key') ? readSecret(section, 'key', env) : null
  if (written == null) return null
  try {
    if (createPrivateKey(written).asymmetricKeyType === 'ed25519') return written
  } catch {}
  section.wrong('key', 'a PEM private key of type Ed25519, as of `openssl genpkey -algorithm ed25519`')
  return null
}

/** What `portcullis.yaml` says for all operations. */
export function readTrailDefault(root: Section): TrailDefault {
  if (root.get('trail') === false) return { records: 'nothing', onFault: 'continue' }
  const section = root.has('trail') ? root.child('trail') : undefined
  const onFault = section?.choice('onFault', onFaults) ?? 'deny'
  if (section && onFault === 'continue')
    section.report.warn(
      'weakening',
      section.position('onFault'),
      'requests pass that could not be recorded',
      'write onFault: deny',
    )
  return { records: section?.choice('records', ['writes', 'everything', 'marked']) ?? 'writes', onFault }
}

/** Reads `trail` of `x-portcullis`. */
export function readWrittenTrail(parent: Section): WrittenTrail | undefined {
  const written = parent.get('trail')
  if (written === undefined) return undefined
  if (typeof written === 'boolean') return { recorded: written, onFault: undefined, hash: [] }
  const section = parent.child('trail')?.expect(['onFault', 'hash'])
  if (!section) return undefined
  return {
    recorded: true,
    onFault: section.choice('onFault', onFaults),
    hash: section.texts('hash') ?? [],
  }
}

/** What a contract takes from the trail. */
export function looserTrail({ recorded, onFault }: WrittenTrail): string | null {
  if (!recorded) return 'nothing of this stands on the audit trail'
  return onFault === 'continue' ? 'requests pass that could not be recorded' : null
}

/**
 * What stands on the trail of one operation: the innermost level that says something, else the configuration. Marks of
 * values that are hashed add up.
 * @param levels the innermost first
 */
export function settleTrail(
  method: Method,
  levels: readonly (WrittenTrail | undefined)[],
  { records, onFault }: TrailDefault,
  segments: readonly SegmentPlan[],
  operation: Section,
): TrailPlan {
  const nearest = levels.find((level) => level !== undefined)
  const marked =
    nearest?.recorded ?? (records === 'everything' || (records === 'writes' && !safe.has(method)))
  const names = segments.flatMap((segment) => (segment.kind === 'parameter' ? segment.names : []))
  for (const name of levels[0]?.hash ?? [])
    if (!names.includes(name))
      operation.problem(
        'x-portcullis',
        'trail-hash-unknown',
        `trail.hash names ${name}, which is no path parameter of the operation`,
        names.length > 0 ? `there are ${names.join(', ')}` : 'remove it',
      )
  const hash = levels.flatMap((level) => level?.hash ?? []).filter((name) => names.includes(name))
  const told = levels.find((level) => level?.onFault !== undefined)?.onFault ?? onFault
  if (records === 'nothing' || nearest?.recorded === false) return { records: 'nothing', onFault: told, hash }
  return { records: marked ? 'all' : 'denials', onFault: told, hash: [...new Set(hash)] }
}
