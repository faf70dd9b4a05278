import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Section } from '../section.ts'

/** Reads a key that names a file; relative to the folder of the file it stands in. Reports what is not readable. */
export function readPath(section: Section, key: string): string | undefined {
  const written = section.text(key)
  return written === undefined ? undefined : resolve(dirname(section.source.file), written)
}

/** The text of a file a key names, or undefined after a report. */
export function readNamedFile(
  section: Section,
  key: string,
): { readonly path: string; readonly text: string } | undefined {
  const path = readPath(section, key)
  if (path === undefined) return undefined
  section.report.looksAt(path)
  try {
    return { path, text: readFileSync(path, 'utf8') }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const why =
      code === 'ENOENT' ? 'does not exist' : code === 'EISDIR' ? 'is a folder' : `cannot be read (${code})`
    return section.problem(key, 'file-unreadable', `${path} ${why}`, 'name a readable file')
  }
}

/** Files that a key lists; those that cannot be read are reported and left out. */
export function readFiles(section: Section, key: string): readonly string[] {
  return (section.texts(key) ?? []).flatMap((written) => {
    const path = resolve(dirname(section.source.file), written)
    section.report.looksAt(path)
    if (attempt(() => readFileSync(path)) !== null) return [path]
    section.problem(key, 'file-unreadable', `${path} cannot be read`, 'name a readable file')
    return []
  })
}

const pemCertificate = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/** `clientCa`: a PEM file with one or more certificates of authorities (RFC 5280 4.2.1.9); null when not written. */
export function readAuthorities(section: Section): string | null {
  const file = readNamedFile(section, 'clientCa')
  if (!file) return null
  const blocks = file.text.match(pemCertificate) ?? []
  const certificates = blocks.map((block) => attempt(() => new X509Certificate(block)))
  if (blocks.length === 0 || certificates.includes(null))
    section.problem(
      'clientCa',
      'certificate-invalid',
      'this holds no PEM certificate, or one that cannot be read',
      'name a PEM file',
    )
  else if (certificates.some((certificate) => !certificate?.ca))
    section.problem(
      'clientCa',
      'certificate-invalid',
      'one of these certificates is not that of an authority',
      'name certificates with CA:TRUE',
    )
  return file.path
}

const dayMs = 86_400_000
const soonDays = 14

/** A certificate and its key: both must be readable PEM and belong together (RFC 5280, RFC 7468). */
export function readKeyPair(section: Section): { readonly cert: string; readonly key: string } | undefined {
  const needed = section.require('cert', './tls/server.crt') && section.require('key', './tls/server.key')
  const cert = readNamedFile(section, 'cert')
  const key = readNamedFile(section, 'key')
  if (!needed || !cert || !key) return undefined
  const certificate = attempt(() => new X509Certificate(cert.text))
  if (!certificate)
    return section.problem('cert', 'certificate-invalid', 'this is no PEM certificate', 'name a PEM file')
  const privateKey = attempt(() => createPrivateKey(key.text))
  if (!privateKey)
    return section.problem(
      'key',
      'key-invalid',
      'this is no PEM private key without a passphrase',
      'name a PEM file',
    )
  if (!certificate.checkPrivateKey(privateKey)) {
    return section.problem(
      'key',
      'key-mismatch',
      'the private key is not that of the certificate',
      'name the key the certificate was made with',
    )
  }
  const daysLeft = (Date.parse(certificate.validTo) - Date.now()) / dayMs
  if (daysLeft < 0)
    return section.problem(
      'cert',
      'certificate-expired',
      `the certificate ended on ${certificate.validTo}`,
      'renew it',
    )
  if (daysLeft < soonDays) {
    section.report.warn(
      'certificate-expires',
      section.position('cert'),
      `the certificate ends on ${certificate.validTo}`,
      'renew it',
    )
  }
  return { cert: cert.path, key: key.path }
}

/** A secret: `${ENV_NAME}` or `file:PATH`. Plain text works and is reported, because files get committed. */
export function readSecret(section: Section, key: string, env: NodeJS.ProcessEnv): string | undefined {
  const written = section.text(key)
  if (written === undefined) return undefined
  const variable = /^\$\{([A-Za-z_][A-Za-z0-9_]*)\}$/.exec(written)?.[1]
  if (variable !== undefined) {
    const value = env[variable]
    return (
      value || section.problem(key, 'secret-missing', `the environment has no ${variable}`, `set ${variable}`)
    )
  }
  if (written.startsWith('file:')) {
    const path = resolve(dirname(section.source.file), written.slice('file:'.length))
    section.report.looksAt(path)
    const text = attempt(() => readFileSync(path, 'utf8').trim())
    return (
      text ||
      section.problem(key, 'secret-missing', `${path} cannot be read or is empty`, 'name a readable file')
    )
  }
  const fix = `write \${NAME} to take it from the environment, or file:PATH`
  section.report.warn('secret-plain', section.position(key), `${key} holds a secret in plain text`, fix)
  return written
}

function attempt<T>(make: () => T): T | null {
  try {
    return make()
  } catch {
    return null
  }
}
