import { parseDuration, parseSize } from '../../base/duration.ts'
import { nearest } from '../../base/nearest.ts'
import type { LogFileSettings, LogRotation, LogSettings } from '../../program/settings.ts'
import { everyLine, type HarmlessEvent, harmlessEvents, type Thinning } from '../../program/thinning.ts'
import type { Section } from '../section.ts'
import { readPath } from './files.ts'
import { keys } from './keys.ts'

const defaultLog: LogSettings = { file: null, thinning: everyLine }
const defaultRotation: LogRotation = { maxBytes: 100 * 1024 ** 2, maxAgeMs: null, keep: 9 }
const minBytes = 64 * 1024
const minAgeMs = 60_000
const modes = { owner: 0o600, group: 0o640 } as const

/** Where lines go, and which of those that tell of nothing amiss are left out. */
export function readLog(root: Section): LogSettings {
  const section = root.child('log')?.expect(keys.log)
  if (!section) return defaultLog
  const to = section.choice('to', ['stdout', 'file'])
  if (section.has('file') && section.has('to') && to !== 'file')
    section.problem(
      'file',
      'log-file-unused',
      'file says nothing while to is stdout',
      'write to: file, or remove file',
    )
  const wanted = section.has('file') || (to === 'file' && section.require('file', '{ path: ./log/gate.log }'))
  return { file: wanted ? readFile(section) : null, thinning: readThinning(section) }
}

function readFile(log: Section): LogFileSettings | null {
  const section = log.child('file')?.expect(keys.logFile)
  if (!section?.require('path', './log/gate.log')) return null
  const path = readPath(section, 'path')
  const readableBy = section.choice('readableBy', ['owner', 'group']) ?? 'owner'
  const rotate = section.get('rotate') === false ? null : readRotation(section)
  if (path === undefined) return null
  return { path, mode: modes[readableBy], rotate, position: section.position('path') }
}

function readRotation(file: Section): LogRotation {
  const section = file.child('rotate')?.expect(keys.logRotate)
  if (!section) return defaultRotation
  const maxBytes = section.parsed('size', parseSize, 'a size such as 100MiB') ?? defaultRotation.maxBytes
  if (maxBytes < minBytes) section.wrong('size', 'at least 64KiB')
  const maxAgeMs = section.parsed('age', parseDuration, 'a duration such as 1d') ?? null
  if (maxAgeMs !== null && maxAgeMs < minAgeMs) section.wrong('age', 'at least 1min')
  return { maxBytes, maxAgeMs, keep: section.integer('keep', 1, 1000) ?? defaultRotation.keep }
}

function readThinning(log: Section): Thinning {
  const level = readLevel(log) ?? 'info'
  const events = log.child('events')
  for (const name of Object.keys(events?.value ?? {})) if (!isHarmless(name)) refuse(events as Section, name)
  const sections = new Map(
    harmlessEvents.map((name) => {
      const known = name === 'request' ? keys.logRequest : keys.logEvent
      return [name, events?.child(name)?.expect(known)] as const
    }),
  )
  const silent = harmlessEvents.filter((name) => {
    const event = sections.get(name)
    return ((event && readLevel(event)) ?? level) === 'warn'
  })
  const request = sections.get('request')
  const sample = readSample(request)
  return {
    silent,
    requests: silent.includes('request') ? 0 : sample,
    slowMs: request?.parsed('slow', parseDuration, 'a duration such as 500ms') ?? null,
  }
}

function isHarmless(name: string): name is HarmlessEvent {
  return (harmlessEvents as readonly string[]).includes(name)
}

function readLevel(section: Section): 'info' | 'warn' | undefined {
  if (section.get('level') !== 'error') return section.choice('level', ['info', 'warn'])
  return section.problem(
    'level',
    'log-silences',
    'level: error would leave out denials and other warnings, which are always written',
    'write level: warn, which leaves out what tells of nothing amiss',
  )
}

/** INVARIANT: no configuration keeps a denial, a security event or a fault out of the log. */
function refuse(events: Section, name: string): void {
  const meant = nearest(name, harmlessEvents)
  events.report.error(
    'log-silences',
    events.position(name, 'key'),
    `${name} is no event that may be left out: what tells of denials, faults, or acts on the gate is always written`,
    meant ? `did you mean ${meant}?` : `remove it; there are ${harmlessEvents.join(', ')}`,
  )
}

function readSample(request: Section | undefined): number {
  const written = request?.get('sample') ?? 1
  if (typeof written === 'number' && written >= 0 && written <= 1) return written
  request?.wrong('sample', 'a share from 0 to 1, such as 0.1')
  return 1
}
