import assert from 'node:assert/strict'
import { test } from 'node:test'
import { splitSegment } from '../../base/segment.ts'
import type { Method, SegmentPlan } from '../../program/program.ts'
import { normalizeTarget } from '../normalize/normalize-target.ts'
import { route } from './route.ts'
import { buildRoutes } from './route-table.ts'

const allow: Record<string, readonly string[]> = { file: ['%2F', '%25'] }

function segments(template: string): readonly SegmentPlan[] {
  return template
    .slice(1)
    .split('/')
    .map((text) => {
      const pieces = text.split(/\{([^}]+)\}/)
      if (pieces.length === 1) return { kind: 'literal', text }
      const named = pieces.filter((_, index) => index % 2 === 1)
      const names = named.map((name) => name.replace('...', ''))
      const texts = pieces.filter((_, index) => index % 2 === 0)
      return {
        kind: 'parameter',
        names,
        texts,
        spans: named.join() !== names.join(),
        allow: allow[names[0] as string] ?? [],
      }
    })
}

function table(...declared: readonly string[]) {
  const operations = declared.map((text) => {
    const [method, template] = text.split(' ') as [Method, string]
    return { id: text, plan: { method, segments: segments(template) } }
  })
  const routes = buildRoutes(operations)
  return (request: string) => {
    const [method, raw] = request.split(' ') as [string, string]
    const target = normalizeTarget(raw)
    assert.ok(target.allow, raw)
    const routed = route(routes, method, target.value)
    return routed.allow ? [routed.value.operation.id, ...routed.value.captured] : [routed.reason]
  }
}

test('concrete segments win over templated ones, left to right (OpenAPI, Path Templating Matching)', () => {
  const find = table(
    'GET /pets/{id}',
    'GET /pets/mine',
    'GET /{kind}/mine',
    'GET /pets/{id}/toys',
    'GET /pets/mine/food',
  )
  assert.deepEqual(find('GET /pets/mine'), ['GET /pets/mine', 'pets', 'mine'])
  assert.deepEqual(find('GET /pets/7'), ['GET /pets/{id}', 'pets', '7'])
  assert.deepEqual(find('GET /cats/mine'), ['GET /{kind}/mine', 'cats', 'mine'])
  assert.deepEqual(find('GET /pets/mine/toys'), ['GET /pets/{id}/toys', 'pets', 'mine', 'toys'])
  assert.deepEqual(find('GET /cats/7'), ['route_unknown'])
})

test('the path is matched before the method, so a concrete path is not answered by a templated one (C9)', () => {
  const find = table('GET /users/me', 'GET /users/{id}', 'DELETE /users/{id}')
  assert.deepEqual(find('DELETE /users/me'), ['method_not_allowed'])
  assert.deepEqual(find('DELETE /users/7'), ['DELETE /users/{id}', 'users', '7'])
})

test('text around a parameter is more concrete than a bare parameter', () => {
  const find = table('GET /files/{name}', 'GET /files/{name}.json', 'GET /files/v{name}.json')
  assert.deepEqual(find('GET /files/a.json')[0], 'GET /files/{name}.json')
  assert.deepEqual(find('GET /files/v1.json')[0], 'GET /files/v{name}.json')
  assert.deepEqual(find('GET /files/.json')[0], 'GET /files/{name}')
})

test('two parameters in one segment are told apart by the text between them', () => {
  assert.deepEqual(splitSegment('main...topic', ['', '...', '']), ['main', 'topic'])
  assert.deepEqual(splitSegment('v1.2-x.json', ['v', '.', '-x.json']), ['1', '2'])
  for (const segment of ['...topic', 'main...', 'main..topic', '...'])
    assert.equal(splitSegment(segment, ['', '...', '']), null, segment)
  const find = table('GET /compare/{base}...{head}', 'GET /compare/{one}')
  assert.equal(find('GET /compare/a...b')[0], 'GET /compare/{base}...{head}')
  assert.equal(find('GET /compare/a..b')[0], 'GET /compare/{one}')
})

test('a parameter that spans segments takes what is left, and the concrete still wins', () => {
  const find = table('GET /c/{path...}', 'GET /c/{path...}/status', 'GET /c/readme', 'GET /c/{one}/log')
  assert.deepEqual(find('GET /c/a/b/c'), ['GET /c/{path...}', 'c', 'a/b/c'])
  assert.deepEqual(find('GET /c/a/b/status'), ['GET /c/{path...}/status', 'c', 'a/b', 'status'])
  assert.deepEqual(find('GET /c/readme')[0], 'GET /c/readme')
  assert.deepEqual(find('GET /c/x/log')[0], 'GET /c/{one}/log')
})

test('a trailing slash is significant and a parameter is never empty', () => {
  const find = table('GET /a/{b}', 'GET /x/')
  assert.deepEqual(find('GET /a/'), ['route_unknown'])
  assert.deepEqual(find('GET /a/1/'), ['route_unknown'])
  assert.deepEqual(find('GET /x/')[0], 'GET /x/')
  assert.deepEqual(find('GET /x'), ['route_unknown'])
})

test('HEAD follows GET unless declared; another method is 405 with the allowed ones (RFC 9110 9.3.2, 15.5.6)', () => {
  const find = table('GET /a', 'POST /a')
  assert.equal(find('HEAD /a')[0], 'GET /a')
  assert.equal(find('TRACE /a')[0], 'method_not_allowed')
  const routes = buildRoutes([{ plan: { method: 'GET', segments: segments('/a') } }])
  const target = normalizeTarget('/a')
  assert.ok(target.allow)
  const denied = route(routes, 'PUT', target.value)
  assert.ok(!denied.allow && denied.reason === 'method_not_allowed')
  assert.deepEqual(denied.client, { allow: ['GET', 'HEAD'] })
})

test('an encoded delimiter passes only inside a parameter that allows it (C3)', () => {
  const find = table('GET /a/{id}', 'GET /f/{file}', 'GET /admin')
  assert.deepEqual(find('GET /a/1%2f2'), ['path_ambiguous'])
  assert.deepEqual(find('GET /f/1%2f2'), ['GET /f/{file}', 'f', '1%2F2'])
  assert.deepEqual(find('GET /f/1%5c2'), ['path_ambiguous'])
  assert.deepEqual(find('GET /a%2fdmin'), ['path_ambiguous'])
})

test('hostile paths against nested spanning parameters end in bounded time', () => {
  const find = table('GET /{a...}/x/{b...}/y/{c...}/z')
  const started = performance.now()
  assert.deepEqual(find(`GET ${'/x/y'.repeat(1500)}`), ['route_unknown'])
  assert.ok(performance.now() - started < 1000)
})

test('a concrete template that lacks the method is not replaced by a templated one', () => {
  const find = table('GET /users/me', 'DELETE /users/{id}')
  assert.deepEqual(find('DELETE /users/me'), ['method_not_allowed'])
  assert.deepEqual(find('GET /users/7'), ['method_not_allowed'])
})

test('a parameter of one segment and one of several share a path by method', () => {
  const find = table('DELETE /refs/{id}', 'GET /refs/{...ref}')
  assert.deepEqual(find('GET /refs/heads'), ['GET /refs/{...ref}', 'refs', 'heads'])
  assert.deepEqual(find('GET /refs/heads/main'), ['GET /refs/{...ref}', 'refs', 'heads/main'])
  assert.deepEqual(find('DELETE /refs/heads'), ['DELETE /refs/{id}', 'refs', 'heads'])
  assert.deepEqual(find('PUT /refs/heads'), ['method_not_allowed'])
})
