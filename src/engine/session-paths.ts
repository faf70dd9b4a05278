/** Everything below is the gateway's own; no contract may have it. */
export const ownPaths = '/.portcullis/'

const of = (scheme: string, action: string): string => `${ownPaths}${scheme}/${action}`

export const signInPath = (scheme: string): string => of(scheme, 'login')
export const callbackPath = (scheme: string): string => of(scheme, 'callback')
export const logoutPath = (scheme: string): string => of(scheme, 'logout')
export const backChannelLogoutPath = (scheme: string): string => of(scheme, 'backchannel-logout')

/** RFC 9110 11.6.1 wants a challenge on every 401, and sessions have no registered scheme; this one says where to sign in. */
export const sessionChallenge = (scheme: string): string =>
  `Session realm="api", sign_in="${signInPath(scheme)}"`

/**
 * Reads where a browser goes back to after a login: a path of the own origin, in whatever way a browser would read it.
 * @returns null when it may lead elsewhere (CWE-601), or back to the gateway's own routes
 */
export function readReturnTo(text: string): string | null {
  if (text.length > 2048 || !/^\/(?![/\\])[\x21-\x7e]*$/.test(text) || text.includes('\\')) return null
  return text.startsWith(ownPaths) ? null : text
}
