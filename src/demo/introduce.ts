import { ordersAudience } from './parties.ts'
import { goodOrder } from './walk.ts'
import type { World } from './world.ts'

/** What runs where, and lines to paste into another terminal. */
export function introduce(world: World): string {
  const { shop, report } = world.parties.services
  const { issuer } = world.authorizationServer
  const curl = `curl -s --cacert ${world.certificateFile}`
  const token = (name: string, { id, secret, scope }: typeof shop) =>
    `${name}=$(curl -s ${issuer}/token -u '${id}:${secret}' -d grant_type=client_credentials -d 'scope=${scope}' -d resource=${ordersAudience} | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')`
  return `The gate is open.

  gateway               ${world.origin}
  orders API            ${world.api.url}   (behind the gate, checks nothing itself)
  authorization server  ${issuer}
  health and metrics    ${world.gateway.addresses.admin}/readyz  /livez  /metrics
  gateway's log         ${world.logFile}

In another terminal:

# tokens: the shop reads and writes, the report only reads
${token('SHOP', shop)}
${token('REPORT', report)}

# an order, created and listed
${curl} ${world.origin}/orders -H "Authorization: Bearer $SHOP" -H 'Content-Type: application/json' -d '${JSON.stringify(goodOrder)}'
${curl} ${world.origin}/orders -H "Authorization: Bearer $SHOP"

# denied: no token, a missing scope, an unknown query parameter, an unknown field
${curl} -i ${world.origin}/orders
${curl} -i ${world.origin}/orders -H "Authorization: Bearer $REPORT" -H 'Content-Type: application/json' -d '{}'
${curl} ${world.origin}/orders?admin=true -H "Authorization: Bearer $SHOP"
${curl} ${world.origin}/orders -H "Authorization: Bearer $SHOP" -H 'Content-Type: application/json' -d '{"items":[{"sku":"AB-1","quantity":0,"price":0}]}'

# ten orders at once are the limit: watch RateLimit fall, then 429 and Retry-After
for i in $(seq 12); do ${curl} -o /dev/null -D - ${world.origin}/orders -H "Authorization: Bearer $SHOP" -H 'Content-Type: application/json' -d '${JSON.stringify(goodOrder)}' | grep -iE '^(HTTP|RateLimit:|Retry)'; done

Ctrl-C ends it all.`
}
