import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { project } from '../harness/gate.ts'

/** One import of a source file. */
export interface Import {
  readonly from: string
  /** Path from `src/`, e.g. `engine/permit.ts`; null when it leads out of the project. */
  readonly target: string | null
  readonly typesOnly: boolean
}

export interface SourceText {
  /** Path from `src/`. */
  readonly path: string
  readonly text: string
  readonly imports: readonly Import[]
}

const sources = join(project, 'src')

/** Every file of `src/`, its tests left out. */
export function readSources(): readonly SourceText[] {
  return readdirSync(sources, { recursive: true, withFileTypes: true })
    .filter(
      (entry) =>
        entry.isFile() &&
        entry.name.endsWith('.ts') &&
        !entry.name.endsWith('.test.ts') &&
        !entry.name.endsWith('.suite.ts'),
    )
    .map((entry) => {
      const file = join(entry.parentPath, entry.name)
      const text = readFileSync(file, 'utf8')
      return { path: relative(sources, file), text, imports: importsOf(file, text) }
    })
}

const statement =
  /^(?:import|export)\s+(type\s+)?([^'";]*?)\s*from\s+'([^']+)'|^import\s+'([^']+)'|\bimport\('([^']+)'\)/gm

function importsOf(file: string, text: string): readonly Import[] {
  return [...text.matchAll(statement)].map(([, type, names = '', from, bare, lazy]) => {
    const name = from ?? bare ?? lazy ?? ''
    const target = name.startsWith('.') ? relative(sources, resolve(dirname(file), name)) : null
    const named = /^\{([^}]*)\}$/.exec(names.trim())?.[1]
    const allTypes = named?.split(',').every((one) => one.trim() === '' || one.trim().startsWith('type '))
    return { from: name, target, typesOnly: type !== undefined || allTypes === true }
  })
}

/** The folder below `src/` a path stands in. */
export function partOf(path: string): string {
  return path.split('/')[0] ?? ''
}
