import type { TestGate } from './gate.ts'

/**
 * What the admin listener says of one sample.
 * @param sample its name and labels, e.g. `portcullis_connections_unserved_total{reason="address"}`
 * @returns NaN where there is none
 */
export async function metric({ gateway }: TestGate, sample: string): Promise<number> {
  const text = await (await fetch(`${gateway.addresses.admin}/metrics`)).text()
  const line = text.split('\n').find((one) => one.startsWith(`${sample} `))
  return Number(line?.slice(sample.length + 1))
}
