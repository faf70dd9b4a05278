import { parentPort, workerData } from 'node:worker_threads'
import { compile } from '../contract/compile.ts'

// Compiles aside, so that a large contract does not hold up requests while it is read.
const { file, env } = workerData as { readonly file: string; readonly env: NodeJS.ProcessEnv }
parentPort?.postMessage(compile(file, env))
