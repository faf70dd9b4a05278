import type { OutlinedContract, OutlinedScheme } from '../contract/outline.ts'

export interface Draft {
  /** Text of `portcullis.yaml`. */
  readonly text: string
  readonly undecided: readonly { readonly what: string; readonly why: string }[]
}

/** Paths as they shall stand in the configuration. */
export interface DraftPaths {
  readonly contract: string
  readonly cert: string
  readonly key: string
}

const exampleIssuer = 'https://login.example.com'

/** Drafts a configuration: what the document says, and a safe guess with a note where it says nothing. */
export function draftConfiguration(contract: OutlinedContract, paths: DraftPaths): Draft {
  const undecided: { what: string; why: string }[] = []
  const tokens = contract.schemes.filter(({ kind }) => kind === 'token')
  const schemes = tokens.length > 0 ? tokens : [fallback]
  const [first = fallback] = schemes
  const audience = contract.origin ?? 'https://api.example.com'

  undecided.push({
    what: 'upstreams.default.url',
    why: 'where your API listens; nobody but the gate should reach it',
  })
  for (const { name, issuer } of schemes) {
    const guess =
      issuer === null
        ? 'the document names no issuer; until yours stands there, calls get 503'
        : `guessed from the document: ${issuer}`
    undecided.push({ what: `identity.${name}.issuer`, why: guess })
    undecided.push({
      what: `identity.${name}.audience`,
      why: `what your tokens carry in aud; ${audience} is a guess`,
    })
  }
  if (contract.undecided > 0)
    undecided.push({
      what: 'security',
      why: `${contract.undecided} of ${contract.operations} operations say nothing about security and get ${first.name}; write security: [] at an operation that is public`,
    })
  for (const { name, kind } of contract.schemes)
    if (kind !== 'token')
      undecided.push({
        what: `the scheme ${name} (${kind})`,
        why: 'has no verifier in this version; operations that demand it keep the gate shut',
      })
  undecided.push({
    what: 'listen.https.tls',
    why: `${paths.cert} is a certificate for localhost only, made now, good for 90 days`,
  })

  const identity = schemes.map(
    ({ name, issuer }) => `  ${yamlKey(name)}:
    type: jwt
    issuer: ${quote(issuer ?? exampleIssuer)}
    audience: ${quote(audience)}
`,
  )
  const security =
    contract.undecided > 0
      ? `
# Holds for operations about whose security the document says nothing.
security: [{ ${yamlKey(first.name)}: [] }]
`
      : ''
  const text = `# The gate in front of the API that ${paths.contract} describes.
contract: ${quote(paths.contract)}

listen:
  https: { host: 127.0.0.1, port: 8443, tls: { cert: ${quote(paths.cert)}, key: ${quote(paths.key)} } }
  admin: { host: 127.0.0.1, port: 9901 } # /livez /readyz /metrics

upstreams:
  default: { url: "http://127.0.0.1:3000" }

# One entry for each security scheme of the document. Keys come from the issuer's metadata.
identity:
${identity.join('')}${security}
# What applies when nothing is written here, spelled out.
limits:
  - { name: per-address, by: address, rate: 600/min, burst: 100 }
  - { name: per-subject, by: subject, rate: 300/min, burst: 60 }
failedAuthentications: { rate: 60/min } # refused credentials of one address
`
  return { text, undecided }
}

const fallback: OutlinedScheme = { name: 'bearerAuth', kind: 'token', issuer: null }

/** JSON strings are YAML strings. */
function quote(text: string): string {
  return JSON.stringify(text)
}

function yamlKey(name: string): string {
  return /^[A-Za-z_][A-Za-z0-9_-]*$/.test(name) ? name : quote(name)
}
