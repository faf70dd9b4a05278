import { parentPort, workerData } from 'node:worker_threads'
import { type DenialQuestion, explainDenial } from './explain-denial.ts'

parentPort?.postMessage(await explainDenial(workerData as DenialQuestion))
