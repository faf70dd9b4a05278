import type { Section } from '../../section.ts'
import { readSecret } from '../files.ts'
import { checkIssuer } from './access-token.ts'

/** The gateway as a client of an issuer (RFC 6749 2). */
export interface IssuerClient {
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret: string
}

/** Reads `issuer`, `clientId` and `clientSecret`; undefined after a report of each that is missing or wrong. */
export function readIssuerClient(section: Section, env: NodeJS.ProcessEnv): IssuerClient | undefined {
  const issuer = section.require('issuer', '"https://login.example.com"') ? section.text('issuer') : undefined
  if (issuer !== undefined) checkIssuer(section, 'issuer', issuer)
  const clientId = section.require('clientId', 'the-gateway') ? section.text('clientId') : undefined
  const clientSecret = section.require('clientSecret', '${CLIENT_SECRET}')
    ? readSecret(section, 'clientSecret', env)
    : undefined
  return issuer && clientId && clientSecret ? { issuer, clientId, clientSecret } : undefined
}
