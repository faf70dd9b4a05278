import { createCipheriv, createDecipheriv, createHmac, hash, hkdfSync, randomBytes } from 'node:crypto'

const ivBytes = 12
const tagBytes = 16

/** 256 bits nobody can guess (OWASP Session Management: session id entropy). */
export const newSessionId = (): string => randomBytes(32).toString('base64url')

/** What the store knows a session by: from it nobody finds the id. */
export const storeKeyOf = (id: string): string => hash('sha256', id, 'base64url')

/** Key of what is kept for one session, made of its id: who reads the store reads no token. */
export const sessionKeyOf = (id: string): Buffer =>
  createHmac('sha256', id).update('portcullis session').digest()

/** Key of login cookies, made of the client secret, so that every gateway of a client can end what another began. */
export function loginKeyOf(clientSecret: string, issuer: string, clientId: string): Buffer {
  return Buffer.from(hkdfSync('sha256', clientSecret, `${issuer} ${clientId}`, 'portcullis login', 32))
}

/** AES-256-GCM. @param about what it belongs to; it opens for nothing else */
export function seal(key: Buffer, text: string, about: string): string {
  const iv = randomBytes(ivBytes)
  const cipher = createCipheriv('aes-256-gcm', key, iv, { authTagLength: tagBytes }).setAAD(
    Buffer.from(about),
  )
  const sealed = Buffer.concat([iv, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()])
  return sealed.toString('base64url')
}

/** Null when the key, or what it belongs to, is another, or a bit was changed. */
export function open(key: Buffer, sealed: string, about: string): string | null {
  const bytes = Buffer.from(sealed, 'base64url')
  if (bytes.length < ivBytes + tagBytes) return null
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, ivBytes), {
    authTagLength: tagBytes,
  })
    .setAAD(Buffer.from(about))
    .setAuthTag(bytes.subarray(-tagBytes))
  try {
    const text = decipher.update(bytes.subarray(ivBytes, -tagBytes))
    return Buffer.concat([text, decipher.final()]).toString('utf8')
  } catch {
    return null
  }
}
