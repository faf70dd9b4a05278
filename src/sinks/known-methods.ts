/** RFC 9110 9, RFC 5789 and QUERY: what `http.request.method` may be; any other is `_OTHER` (semantic conventions for HTTP). */
export const knownMethods: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'TRACE',
  'CONNECT',
  'QUERY',
])
