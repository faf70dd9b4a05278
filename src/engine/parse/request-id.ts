// What any log, header or URL can hold; a trusted proxy's id of another form is replaced.
const requestId = /^[A-Za-z0-9\-._]{1,128}$/

/** A request id as a trusted proxy sent it; null when absent or not plain. */
export function requestIdOf(value: string | null): string | null {
  return value !== null && requestId.test(value) ? value : null
}
