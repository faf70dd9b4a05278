import { Worker } from 'node:worker_threads'
import type { Compiled } from '../contract/compile.ts'
import { deepFreeze } from '../program/digest.ts'

/**
 * Compiles in a thread of its own. The memory it takes goes with the thread; what comes back is plain data.
 * @throws Error for a defect of the compiler; what is wrong with the files is in the diagnostics
 */
export function compileAside(file: string, env: NodeJS.ProcessEnv): Promise<Compiled> {
  const script = import.meta.url.endsWith('.ts') ? './compile-worker.ts' : './compile-worker.js'
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(script, import.meta.url), { workerData: { file, env: { ...env } } })
    worker.once('message', (compiled: Compiled) => resolve(deepFreeze(compiled)))
    worker.once('error', reject)
    worker.once('exit', () => reject(new Error('the compiler ended without a result')))
  })
}
