import { after, before, test } from 'node:test'
import { type BodyGate, startBodyGate } from '../harness/body-gate.ts'

let bodies: BodyGate
before(async () => {
  bodies = await startBodyGate()
})
after(() => bodies.gate.stop())

const contentType = 'application/x-www-form-urlencoded'
const passes = (body: string, target = '/form') => bodies.passes(target, contentType, body)
const refused = (body: string, pointer: string, message: string, target = '/form') =>
  bodies.refused(target, contentType, body, pointer, message)

test('a sound form arrives octet for octet (OpenAPI 3.1.1 4.8.15.1)', async () => {
  for (const body of [
    'name=x',
    'name=caf%C3%A9+noir&size=10&price=1.50&urgent=true',
    'name=x&tags=a&tags=b&tags=c',
    'name=x&words=a%20b&codes=1,2,3',
    'name=x&filter%5Bfrom%5D=1&filter[to]=2',
    'name=x&address=%7B%22city%22%3A%22Bonn%22%7D',
    'name=x&lines=%7B%22qty%22%3A1%7D&lines=%7B%22qty%22%3A2%7D',
  ])
    await passes(body)
  await passes('a=1&b=2', '/open')
})

test('a field of several types is tried in each of them, as a parameter is', async () => {
  for (const body of [
    'created=1',
    'created[gt]=1',
    'metadata=',
    'metadata[order]=7',
    'size=5',
    'size=77',
    'sizes=1&sizes=5',
    'sizes=1&sizes=7',
    'size=77&sizes=x&created[gt]=3',
  ])
    await passes(body, '/several')
  const both = 'must be one value or have members, not both'
  await refused('created=1&created[gt]=1', '/created', both, '/several')
  await refused('created=1&created=2', '/created', 'must not stand twice', '/several')
  await refused('size=78', '/size', 'must have one of the allowed shapes', '/several')
  await refused('metadata=x', '/metadata', 'must have one of the allowed shapes', '/several')
})

test('D3 unknown fields of a form are refused, in the words that JSON has for them', async () => {
  await refused('name=x&extra=1', '/extra', 'is not a known field')
  await refused('name=x&filter[from]=1&filter[x]=1', '/filter/x', 'is not a known field')
  await refused('name=x&filter[from][a]=1', '/filter[from][a]', 'is not a known field')
  await refused(
    'name=x&address=%7B%22city%22%3A%22a%22%2C%22x%22%3A1%7D',
    '/address/x',
    'is not a known field',
  )
  await refused(
    'name=x&lines=%7B%22qty%22%3A1%7D&lines=%7B%22q%22%3A2%7D',
    '/lines/1/q',
    'is not a known field',
  )
  await refused('a=1&b=x', '/b', 'must be an integer', '/open')
})

test('types are spelled as in JSON, and nothing is coerced', async () => {
  for (const spelling of ['1.0', '+1', '0x1', '1e3', '01', '', '%201', '1%20', 'one', '9007199254740993'])
    await refused(`name=x&size=${spelling}`, '/size', 'must be an integer')
  for (const spelling of ['TRUE', '1', 'yes', 'on', ''])
    await refused(`name=x&urgent=${spelling}`, '/urgent', 'must be true or false')
  await refused('name=x&codes=1,b', '/codes/1', 'must be an integer')
  await refused('name=x&size=-1', '/size', 'must be ≥ 0')
  await refused('name=x&tags=a&tags=b&tags=c&tags=d', '/tags', 'must have at most 3 items')
  await refused('name=x&tags=abcdef', '/tags/0', 'must have at most 5 characters')
  await refused('size=1', '/name', 'is required')
  await refused('name=x&address=%7B', '/address', 'must be JSON')
})

test('D5 a field of a form that stands twice is refused', async () => {
  await refused('name=x&name=y', '/name', 'must not stand twice')
  await refused('name=x&n%61me=y', '/name', 'must not stand twice')
  await refused('name=x&address=%7B%7D&address=%7B%7D', '/address', 'must not stand twice')
  await refused(
    'name=x&address=%7B%22city%22%3A1%2C%22city%22%3A2%7D',
    '/address/city',
    'must not stand twice',
  )
  await refused('name=x&filter[to]=1&filter[to]=2', '/filter/to', 'must not be repeated')
  await refused('name=x&Name=y', '/Name', 'is not a known field')
  await refused('a=1&a=2', '/a', 'must not stand twice', '/open')
})

test('D6 prototype names are no fields of a form, not even of an open one', async () => {
  for (const name of ['__proto__', 'constructor', 'prototype', '%5f%5fproto__']) {
    await refused(`${name}=1`, `/${decodeURIComponent(name)}`, 'is not an acceptable name', '/open')
    await refused(`name=x&${name}=1`, `/${decodeURIComponent(name)}`, 'is not an acceptable name')
  }
  for (const name of ['__proto__[a]', 'x[__proto__][a]', 'constructor[prototype][a]', 'x[constructor]'])
    for (const [form, target] of [
      ['', '/open'],
      ['name=x&', '/form'],
      ['role=user&', '/open-form'],
    ] as const)
      await refused(`${form}${name}=1`, `/${name}`, 'is not an acceptable name', target)
  await refused('name=x&filter[__proto__]=1', '/filter[__proto__]', 'is not an acceptable name')
})

test('D9 indices in the names of a form are names like any other', async () => {
  for (const name of ['tags[]', 'tags[0]', 'tags[999999999]'])
    await refused(`name=x&${name}=a`, `/${name}`, 'is not a known field')
})

test('D13 brackets do not bring a declared field into an open form by another name', async () => {
  await passes('role=user&x=1&y[]=2', '/open-form')
  for (const name of ['role[]', 'role[0]', 'role[a]', 'role%5B%5D', 'tags[]', 'range[from]', 'from[]'])
    await refused(
      `role=user&${name}=admin`,
      `/${decodeURIComponent(name)}`,
      'is not a known field',
      '/open-form',
    )
})

test('D13 what parsers of forms split or decode differently is refused', async () => {
  for (const body of [
    'name=x;size=1',
    'name=a b',
    'name=caf\u00e9',
    'name=%',
    'name=%zz',
    'name=x\n',
    'name=x\u0000',
  ])
    await refused(body, '', 'must be percent-encoded')
  for (const body of ['name=x&size', 'name', 'name=x&', '&name=x', 'name=x&&size=1'])
    await refused(body, '', 'must be fields of a name, = and a value')
  await refused('name=%ff', '/name', 'must be percent-encoded UTF-8')
  await refused('%ff=a', '', 'must be percent-encoded UTF-8')
  await refused(
    Array.from({ length: 1001 }, (_, i) => `a${i}=1`).join('&'),
    '',
    'must not have more than 1000 fields',
    '/open',
  )
})
