import { randomBytes, webcrypto, X509Certificate } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

export interface CertificateFiles {
  /** Absolute or relative as given: `localhost.crt` and `localhost.key` in the folder. */
  readonly cert: string
  readonly key: string
}

const validDays = 90
const dayMs = 86_400_000

/**
 * A certificate for `localhost` that signs itself, for development: it is its own trust anchor, so that
 * `curl --cacert` accepts it and nothing else does. The key is readable by its owner alone. What is there and
 * still valid for a day is kept.
 * @see RFC 5280 4.1, RFC 9525
 */
export async function ensureDevelopmentCertificate(folder: string): Promise<CertificateFiles> {
  const files = { cert: join(folder, 'localhost.crt'), key: join(folder, 'localhost.key') }
  if (isUsable(files)) return files
  const { cert, key } = await makeCertificate()
  mkdirSync(dirname(files.cert), { recursive: true, mode: 0o700 })
  writeFileSync(join(folder, '.gitignore'), '*\n')
  writeFileSync(files.cert, cert)
  writeFileSync(files.key, key, { mode: 0o600 })
  return files
}

function isUsable({ cert, key }: CertificateFiles): boolean {
  if (!existsSync(cert) || !existsSync(key)) return false
  try {
    return Date.parse(new X509Certificate(readFileSync(cert)).validTo) > Date.now() + dayMs
  } catch {
    return false
  }
}

async function makeCertificate(): Promise<{ readonly cert: string; readonly key: string }> {
  // Its dependency injection wants this polyfill in place first; loaded here because only development needs either.
  await import('reflect-metadata')
  const x509 = await import('@peculiar/x509')
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: `01${randomBytes(15).toString('hex')}`,
      name: 'CN=localhost, O=Portcullis development',
      notBefore: new Date(Date.now() - dayMs),
      notAfter: new Date(Date.now() + validDays * dayMs),
      keys,
      signingAlgorithm: algorithm,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension([
          { type: 'dns', value: 'localhost' },
          { type: 'ip', value: '127.0.0.1' },
          { type: 'ip', value: '::1' },
        ]),
      ],
    },
    webcrypto as unknown as Crypto,
  )
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey))
  return { cert: `${certificate.toString('pem')}\n`, key: x509.PemConverter.encode(pkcs8, 'PRIVATE KEY') }
}
