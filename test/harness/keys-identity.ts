/**
 * Verifiers of the schemes of `fixtures/keys.yaml` but `bearerAuth`, as they stand below `identity`.
 * @param password hash of olga's
 */
export const keysIdentity = (password: string): string => `  partnerKey: { type: apiKey }
  queryKey: { type: apiKey, allowInQuery: true }
  cookieKey: { type: apiKey }
  rawKey: { type: apiKey }
  operator: { type: basic, users: { olga: { password: "${password}", scopes: [ops] } } }`
