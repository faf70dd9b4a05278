// The usual Express stack for the same job.

import { Agent } from 'node:http'
import express from 'express'
import { auth, requiredScopes } from 'express-oauth2-jwt-bearer'
import * as OpenApiValidator from 'express-openapi-validator'
import { rateLimit } from 'express-rate-limit'
import { createProxyMiddleware, fixRequestBody } from 'http-proxy-middleware'
import pino from 'pino'
import { pinoHttp } from 'pino-http'

const { UPSTREAM, PORT, ISSUER, AUDIENCE, CONTRACT } = process.env
const app = express()
app.use(
  pinoHttp({
    logger: pino(pino.destination({ dest: '/dev/null', sync: false })),
    redact: ['req.headers.authorization'],
  }),
)
app.use(express.json({ limit: '1mb' }))
app.use(auth({ issuer: ISSUER, jwksUri: `${ISSUER}/jwks`, audience: AUDIENCE, tokenSigningAlg: 'RS256' }))
app.use(
  rateLimit({
    windowMs: 60_000,
    limit: 1_000_000_000,
    standardHeaders: 'draft-8',
    legacyHeaders: false,
    keyGenerator: (request) => request.auth.payload.sub,
  }),
)
app.get('/orders', requiredScopes('orders:read'))
app.post('/orders', requiredScopes('orders:write'))
app.use(
  OpenApiValidator.middleware({
    apiSpec: CONTRACT,
    validateRequests: { removeAdditional: false },
    validateResponses: false,
    validateSecurity: false,
  }),
)
app.use(
  createProxyMiddleware({
    target: UPSTREAM,
    agent: new Agent({ keepAlive: true, maxSockets: 256 }),
    on: { proxyReq: fixRequestBody },
  }),
)
app.use((error, _request, response, _next) => {
  response.status(error.status ?? 500).json({ message: error.message })
})
app.listen(Number(PORT), '127.0.0.1')
