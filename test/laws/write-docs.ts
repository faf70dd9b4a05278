import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { project } from '../harness/gate.ts'
import { reasonsPage } from './reasons-page.ts'

// Writes the pages that are made from tables in the code.
mkdirSync(join(project, 'docs'), { recursive: true })
writeFileSync(join(project, 'docs/reasons.md'), reasonsPage())
