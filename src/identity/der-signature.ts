const sequence = 0x30
const integer = 0x02
const longLength = 0x81

/**
 * An ECDSA signature in DER, made of two numbers of one width as JWS writes them. The platform verifies that form at once;
 * of the other it makes this one itself, by way of big numbers, which costs 3 µs.
 * @param signature `r` and `s`, big-endian, 132 octets at most
 * @see RFC 7518 3.4, RFC 3279 2.2.3
 */
export function derSignature(signature: Uint8Array): Buffer {
  const half = signature.length / 2
  const [r, s] = [firstOctet(signature, 0, half), firstOctet(signature, half, signature.length)]
  const [rPad, sPad] = [padOf(signature, r), padOf(signature, s)]
  const [rLength, sLength] = [half - r + rPad, signature.length - s + sPad]
  const length = 4 + rLength + sLength
  const der = Buffer.allocUnsafe(length + (length < 128 ? 2 : 3))
  let at = 0
  der[at++] = sequence
  if (length >= 128) der[at++] = longLength
  der[at++] = length
  at = write(der, at, signature, r, half, rPad)
  write(der, at, signature, s, signature.length, sPad)
  return der
}

/** Leading zeros are no part of a DER integer, but for the one octet that zero has. */
function firstOctet(octets: Uint8Array, from: number, end: number): number {
  let at = from
  while (at < end - 1 && octets[at] === 0) at++
  return at
}

/** A first bit that is set would make the number a negative one. */
const padOf = (octets: Uint8Array, first: number): number => ((octets[first] as number) >= 0x80 ? 1 : 0)

function write(
  der: Buffer,
  start: number,
  octets: Uint8Array,
  from: number,
  end: number,
  pad: number,
): number {
  let at = start
  der[at++] = integer
  der[at++] = end - from + pad
  if (pad === 1) der[at++] = 0
  for (let i = from; i < end; i++) der[at++] = octets[i] as number
  return at
}
