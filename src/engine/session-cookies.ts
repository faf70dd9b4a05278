/**
 * Names and attributes of the gateway's own cookies. The `__Host-` prefix lets no other host, no subdomain and no plain
 * connection set them, and none but this origin gets them.
 * @see RFC 6265bis 4.1.3.2, 5.5, 8.9
 */
const prefix = '__Host-portcullis-'

export const sessionCookie = (scheme: string): string => `${prefix}session.${scheme}`
export const loginCookie = (scheme: string, tag: string): string => `${prefix}login.${scheme}.${tag}`

/**
 * Name, or a whole cookie that begins with it, or that older browsers send back as if it did because it has no name.
 * No upstream gets or sets one.
 */
export const isOwnCookie = (cookie: string): boolean => cookie.replace(/^[\s=]+/, '').startsWith(prefix)

/** 256 random bits, base64url. */
export const sessionIdSyntax = /^[A-Za-z0-9_-]{43}$/

const loginName = /^__Host-portcullis-login\.[A-Za-z0-9._-]+\.[A-Za-z0-9_-]{8}$/

/** Whether it is the cookie of a login, of whatever scheme. */
export const isLoginCookie = (name: string): boolean => loginName.test(name)

/** Lax, because the way back from the issuer is a navigation from another site; see `crossSite` for what it lets through. */
const attributes = 'Path=/; Secure; HttpOnly; SameSite=Lax'

export const setCookie = (name: string, value: string, maxAgeSeconds: number): string =>
  `${name}=${value}; Max-Age=${maxAgeSeconds}; ${attributes}`
export const clearCookie = (name: string): string => setCookie(name, '', 0)
