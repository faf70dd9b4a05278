import { type ReasonRow, reasons } from '../../src/engine/reasons.ts'

/** The page `docs/reasons.md`, from the table in the code. */
export function reasonsPage(): string {
  const rows = Object.entries(reasons).map(
    ([reason, { status, type, title, meaning }]: readonly [string, ReasonRow]) =>
      `| \`${reason}\` | ${status} | ${title} | ${meaning}${type ? ` Problem type: \`${type}\`.` : ''} |`,
  )
  return `# Reasons

Every denial has one of these reasons. The client sees status, title and problem type in a problem document (RFC 9457);
the type is \`urn:portcullis:problem:<reason>\`, or the registered one that the table names. The log has the reason with the
stage that decided and a detail for the operator. A retired reason is never used again. This page is written from the table in \`src/engine/reasons.ts\` by \`npm run docs\`, and a test
holds both together.

| reason | status | title | when |
|---|--:|---|---|
${rows.join('\n')}
`
}
