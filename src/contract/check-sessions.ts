import type { OperationPlan } from '../program/program.ts'
import type { Configuration } from './configuration/configuration.ts'
import type { Report } from './report.ts'
import type { BoundScheme } from './security.ts'

/** Reports what browser sessions need and do not have: an https origin of their own, and a name that fits a path. */
export function checkSessions(
  { identity, file, decidesCookies }: Configuration,
  origin: string | null,
  operations: readonly OperationPlan[],
  schemes: ReadonlyMap<string, BoundScheme>,
  report: Report,
): void {
  for (const { route, source } of operations) {
    if (!route.startsWith('/.portcullis/')) continue
    report.error(
      'path-reserved',
      source,
      `${route} is below the gateway's own paths`,
      'leave /.portcullis/ to the gateway',
    )
  }
  for (const [name, { plan }] of schemes) {
    if (plan.kind !== 'session') continue
    const position = identity[name]?.position ?? { file, line: 1, column: 1 }
    if (origin === null)
      report.error(
        'origin-unknown',
        position,
        'a login comes back to an address of this gateway, and nothing says by which origin browsers reach it',
        'write publicUrl: "https://app.example.com"',
      )
    else if (!origin.startsWith('https:'))
      report.error(
        'origin-plaintext',
        position,
        `browsers keep no secure cookie of ${origin}`,
        'write an https publicUrl',
      )
    if (!decidesCookies)
      report.warn(
        'cookies-undecided',
        position,
        'browsers also send the cookies that other sites set for this domain, and requests with one that no operation declares are refused',
        'write validate: { undeclaredCookies: drop } to pass such requests without them, or refuse where nobody else sets cookies',
      )
    if (!/^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(name))
      report.error(
        'scheme-name',
        position,
        `${name} does not fit into a path and a cookie's name`,
        'name the scheme with letters, digits, dots, hyphens and underscores',
      )
  }
}
