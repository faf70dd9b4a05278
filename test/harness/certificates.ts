import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A certificate and its key, PEM files. */
export interface CertificateFiles {
  readonly cert: string
  readonly key: string
}

export interface Authority extends CertificateFiles {
  /** @param days validity; negative for one that has ended */
  issue(
    name: string,
    altNames: string,
    options?: { readonly days?: number; readonly subject?: string },
  ): CertificateFiles
  /** Another authority below this one. */
  intermediate(name: string): Authority
  /** Writes its revocation list anew. @returns the file */
  revoke(revoked: readonly CertificateFiles[], hoursUntilNext?: number): string
  /** Writes what changed since its first list (RFC 5280 5.2.4). @returns the file */
  deltaList(): string
}

/** An authority made with the openssl command, in a folder of its own. */
export function createAuthority(folder: string, name: string, parent?: CertificateFiles): Authority {
  const home = join(folder, name)
  mkdirSync(home, { recursive: true })
  const cert = join(home, 'ca.pem')
  const key = join(home, 'ca.key')
  const make = ['req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key]
  const extensions = join(home, 'ca.cnf')
  writeFileSync(extensions, 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n')
  if (parent) {
    openssl([...make, '-subj', `/CN=${name}`, '-out', `${cert}.csr`])
    openssl([
      'x509',
      '-req',
      '-in',
      `${cert}.csr`,
      '-CA',
      parent.cert,
      '-CAkey',
      parent.key,
      '-CAcreateserial',
      '-days',
      '30',
      '-extfile',
      extensions,
      '-out',
      cert,
    ])
  } else {
    openssl([
      ...make,
      '-x509',
      '-days',
      '30',
      '-subj',
      `/CN=${name}`,
      '-addext',
      'keyUsage=critical,keyCertSign,cRLSign',
      '-out',
      cert,
    ])
  }
  writeFileSync(join(home, 'index.txt'), '')
  writeFileSync(join(home, 'crlnumber'), '01')
  const config = join(home, 'ca-db.cnf')
  writeFileSync(
    config,
    `[ca]\ndefault_ca=d\n[d]\ndatabase=${home}/index.txt\ncrlnumber=${home}/crlnumber\ndefault_md=sha256\ncertificate=${cert}\nprivate_key=${key}\ndefault_crl_days=1\n[delta]\n2.5.29.27=critical,DER:02:01:01\n`,
  )
  return {
    cert,
    key,
    issue(own, altNames, { days = 1, subject = `/CN=${own}` } = {}) {
      const files = { cert: join(home, `${own}.pem`), key: join(home, `${own}.key`) }
      const more = join(home, `${own}.cnf`)
      writeFileSync(more, `extendedKeyUsage=clientAuth\nsubjectAltName=${altNames}\n`)
      openssl([
        'req',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-keyout',
        files.key,
        '-subj',
        subject,
        '-out',
        `${files.cert}.csr`,
      ])
      openssl([
        'x509',
        '-req',
        '-in',
        `${files.cert}.csr`,
        '-CA',
        cert,
        '-CAkey',
        key,
        '-CAcreateserial',
        '-days',
        String(days),
        '-extfile',
        more,
        '-out',
        files.cert,
      ])
      return files
    },
    intermediate: (own) => createAuthority(folder, own, { cert, key }),
    revoke(revoked, hoursUntilNext = 24) {
      for (const { cert: file } of revoked) openssl(['ca', '-config', config, '-revoke', file])
      const list = join(home, 'ca.crl')
      const until = hoursUntilNext >= 1 ? ['-crlhours', String(hoursUntilNext)] : ['-crlsec', '1']
      openssl(['ca', '-config', config, '-gencrl', ...until, '-out', list])
      return list
    },
    deltaList() {
      const list = join(home, 'delta.crl')
      openssl(['ca', '-config', config, '-gencrl', '-crlexts', 'delta', '-out', list])
      return list
    },
  }
}

/** The certificate as `Client-Cert` carries it (RFC 9440 2.1). */
export function fieldOf(pemFile: string): string {
  const body = readFileSync(pemFile, 'utf8').replace(/-----[A-Z ]+-----|\s/g, '')
  return `:${body}:`
}

function openssl(args: readonly string[]): void {
  const { status, stderr } = spawnSync('openssl', args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`openssl ${args.join(' ')}\n${stderr}`)
}
