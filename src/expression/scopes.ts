import type { ExpressionScope } from './compile-expression.ts'

/** The names that an identity header's expression may use. */
export const identityScope: ExpressionScope = { token: 'map', client: 'dyn', subject: 'dyn', issuer: 'dyn' }

/** The names that rules of an operation may use: a misspelt parameter is found when the contract is compiled. */
export function ruleScope(
  parameters: readonly { readonly in: 'path' | 'query' | 'header' | 'cookie'; readonly name: string }[],
): ExpressionScope {
  const named = (place: string) =>
    parameters.filter((parameter) => parameter.in === place).map(({ name }) => name)
  return {
    token: 'map',
    client: 'dyn',
    path: named('path'),
    query: named('query'),
    headers: named('header').map((name) => name.toLowerCase()),
    body: 'dyn',
  }
}
