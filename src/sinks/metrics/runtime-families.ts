import type { Family } from './families.ts'

/** As OpenTelemetry advises for `v8js.gc.duration`. */
const pauseBounds = [0.01, 0.1, 1, 10]

/** What each thread tells of its event loop and its heap. @see OpenTelemetry semantic conventions: Node.js and V8 runtime metrics */
export const runtimeFamilies = {
  eventLoopDelayP50: {
    name: 'nodejs_eventloop_delay_p50_seconds',
    type: 'gauge',
    help: 'Median lateness of the event loop of a thread in the last seconds.',
    labels: ['worker'],
    otlp: { name: 'nodejs.eventloop.delay.p50', unit: 's' },
  },
  eventLoopDelayP99: {
    name: 'nodejs_eventloop_delay_p99_seconds',
    type: 'gauge',
    help: 'Lateness of the event loop of a thread that one turn in a hundred was over.',
    labels: ['worker'],
    otlp: { name: 'nodejs.eventloop.delay.p99', unit: 's' },
  },
  eventLoopDelayMax: {
    name: 'nodejs_eventloop_delay_max_seconds',
    type: 'gauge',
    help: 'Greatest lateness of the event loop of a thread in the last seconds.',
    labels: ['worker'],
    otlp: { name: 'nodejs.eventloop.delay.max', unit: 's' },
  },
  eventLoopUtilization: {
    name: 'nodejs_eventloop_utilization_ratio',
    type: 'gauge',
    help: 'Share of its time that the event loop of a thread was not waiting.',
    labels: ['worker'],
    otlp: { name: 'nodejs.eventloop.utilization', unit: '1' },
  },
  heapUsed: {
    name: 'v8js_memory_heap_used_bytes',
    type: 'gauge',
    help: 'Heap that a thread uses.',
    labels: ['worker'],
    otlp: { name: 'v8js.memory.heap.used', unit: 'By' },
  },
  heapLimit: {
    name: 'v8js_memory_heap_limit_bytes',
    type: 'gauge',
    help: 'Heap that a thread may use.',
    labels: ['worker'],
    otlp: { name: 'v8js.memory.heap.limit', unit: 'By' },
  },
  gcDuration: {
    name: 'v8js_gc_duration_seconds',
    type: 'histogram',
    help: 'Pauses for garbage collection by kind.',
    labels: ['v8js_gc_type'],
    otlp: { name: 'v8js.gc.duration', unit: 's' },
    bounds: pauseBounds,
  },
} as const satisfies { readonly [id: string]: Family }
