import { hash, randomInt } from 'node:crypto'
import { crc32 } from 'node:zlib'

/** Begins every key, so that scanners of repositories and logs know one when they see it. */
const prefix = 'pck_'
const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
/** 238 bits: nobody guesses one, so a plain hash is enough to keep. */
const bodyLength = 40
const checksumLength = 6
const idLength = 12
const form = /^pck_[0-9A-Za-z]{46}$/

/** A new key. `text` is shown once and kept nowhere; `hash` is what is kept. */
export function mintKey(): { readonly id: string; readonly text: string; readonly hash: string } {
  const body = randomText(bodyLength)
  const text = prefix + body + checksumOf(body)
  return { id: `key_${randomText(idLength)}`, text, hash: keyHash(text) }
}

/** Whether a text has the form of a key and its checksum holds. Says nothing about whether the key exists. */
export function isKeyText(text: string): boolean {
  if (!form.test(text)) return false
  const body = text.slice(prefix.length, -checksumLength)
  return text.endsWith(checksumOf(body))
}

/** SHA-256, hex. Looked up as a whole, so the time of a comparison tells nothing about the key. */
export function keyHash(text: string): string {
  return hash('sha256', text, 'hex')
}

function checksumOf(body: string): string {
  let left = crc32(body)
  let text = ''
  for (let i = 0; i < checksumLength; i++) {
    text = alphabet[left % alphabet.length] + text
    left = Math.floor(left / alphabet.length)
  }
  return text
}

function randomText(length: number): string {
  return Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join('')
}
