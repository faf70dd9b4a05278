// The usual Fastify stack for the same job.
import { readFileSync } from 'node:fs'
import jwt from '@fastify/jwt'
import rateLimit from '@fastify/rate-limit'
import replyFrom from '@fastify/reply-from'
import fastify from 'fastify'
import pino from 'pino'

const { UPSTREAM, PORT, ISSUER, AUDIENCE, PUBLIC_KEY } = process.env
const app = fastify({
  loggerInstance: pino(
    { redact: ['req.headers.authorization'] },
    pino.destination({ dest: '/dev/null', sync: false }),
  ),
  ajv: { customOptions: { removeAdditional: false, coerceTypes: true } },
})
await app.register(jwt, {
  secret: { public: readFileSync(PUBLIC_KEY) },
  verify: { algorithms: ['RS256'], allowedIss: ISSUER, allowedAud: AUDIENCE, cache: 10_000 },
})
await app.register(rateLimit, {
  max: 1_000_000_000,
  timeWindow: '1 minute',
  enableDraftSpec: true,
  hook: 'preValidation',
  keyGenerator: (request) => request.user.sub,
})
await app.register(replyFrom, { base: UPSTREAM, undici: { connections: 256, pipelining: 1 } })

const scoped = (scope) => async (request, reply) => {
  try {
    await request.jwtVerify()
  } catch {
    return reply.code(401).send({ message: 'unauthorized' })
  }
  if (!request.user.scope.split(' ').includes(scope)) return reply.code(403).send({ message: 'forbidden' })
}
const text = (maxLength) => ({ type: 'string', minLength: 1, maxLength })
app.get(
  '/orders',
  {
    onRequest: scoped('orders:read'),
    schema: {
      querystring: {
        type: 'object',
        additionalProperties: false,
        properties: {
          status: { type: 'string', enum: ['open', 'shipped', 'cancelled'] },
          limit: { type: 'integer', minimum: 1, maximum: 100 },
        },
      },
    },
  },
  (_request, reply) => reply.from(),
)
app.post(
  '/orders',
  {
    onRequest: scoped('orders:write'),
    schema: {
      body: {
        type: 'object',
        additionalProperties: false,
        required: ['items', 'shipTo'],
        properties: {
          items: {
            type: 'array',
            minItems: 1,
            maxItems: 50,
            items: {
              type: 'object',
              additionalProperties: false,
              required: ['sku', 'quantity'],
              properties: {
                sku: { type: 'string', pattern: '^[A-Z]{2,4}-[0-9]{1,6}$' },
                quantity: { type: 'integer', minimum: 1, maximum: 1000 },
                engraving: text(40),
              },
            },
          },
          shipTo: {
            type: 'object',
            additionalProperties: false,
            required: ['name', 'street', 'city', 'postalCode', 'country'],
            properties: {
              name: text(100),
              street: text(100),
              city: text(100),
              postalCode: { type: 'string', maxLength: 10 },
              country: { type: 'string', pattern: '^[A-Z]{2}$' },
            },
          },
          note: { type: 'string', maxLength: 500 },
        },
      },
    },
  },
  (_request, reply) => reply.from(),
)
await app.listen({ port: Number(PORT), host: '127.0.0.1' })
