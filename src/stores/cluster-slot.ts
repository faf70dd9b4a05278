const slots = 16_384

/**
 * The slot of a key in Redis Cluster: CRC-16/XMODEM of its octets. For names of ours, which hold no `{hash tag}` and nothing
 * but ASCII.
 * @see Redis cluster specification, key distribution model
 */
export function slotOf(name: string): number {
  let crc = 0
  for (let at = 0; at < name.length; at++) {
    crc ^= name.charCodeAt(at) << 8
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021
  }
  return (crc & 0xffff) % slots
}
