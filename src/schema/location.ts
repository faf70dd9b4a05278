import { pointerTo } from '../base/pointer.ts'
import type { SchemaLocation } from './lower.ts'

export function below(at: SchemaLocation, step: string): SchemaLocation {
  return { file: at.file, pointer: pointerTo(at.pointer, step) }
}
