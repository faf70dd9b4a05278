import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '../../base/json.ts'
import { readExtension } from '../extension.ts'
import { Report } from '../report.ts'
import { Section } from '../section.ts'
import { readSource } from '../source.ts'
import { readDelay, readTimeout } from './delay.ts'
import { defaultValidation } from './validation.ts'

function read<T>(reader: (section: Section) => T, yaml: string) {
  const { source } = readSource('/etc/gate/portcullis.yaml', yaml)
  assert.ok(source)
  const report = new Report()
  const value = reader(new Section(source, '', source.value as JsonObject, report))
  const told = report
    .sorted()
    .map(({ position: { line, column }, message }) => `${line}:${column} ${message}`)
  return { value, told }
}

test('a timeout of zero would be no end, and one above 24d would end at once', () => {
  const timeout = (text: string) => read((section) => readTimeout(section, 'a'), `a: ${text}`)
  const told = ['1:4 a must be a duration above zero and of at most 24d, such as 10s']
  for (const wrong of ['0s', '0ms', '0d', '25d', '2073600001ms', '999999999d', '10', 'no', '-1s'])
    assert.deepEqual(timeout(wrong), { value: undefined, told }, wrong)
  for (const [text, ms] of [
    ['1ms', 1],
    ['24d', 24 * 86_400_000],
  ] as const)
    assert.deepEqual(timeout(text), { value: ms, told: [] })
})

test('a delay may be none', () => {
  const delay = (text: string) => read((section) => readDelay(section, 'a'), `a: ${text}`)
  assert.deepEqual(delay('0s'), { value: 0, told: [] })
  assert.deepEqual(delay('25d').told, ['1:4 a must be a duration of at most 24d, such as 10s'])
})

test('a contract cannot switch the timeout of its upstream off', () => {
  const gate = { allowWeakening: false, validate: defaultValidation }
  const { told } = read((section) => readExtension(section, gate), 'x-portcullis: { timeout: 0s }')
  assert.deepEqual(told, ['1:26 timeout must be a duration above zero and of at most 24d, such as 10s'])
})
