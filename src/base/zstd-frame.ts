const checksumBytes = 4

/**
 * Length of the one frame that octets begin with, found by walking its blocks; null where they begin with none, or with a
 * skippable one. What is in the blocks is the decoder's to judge.
 * @see RFC 8878 3.1.1
 */
export function zstdFrameLength(bytes: Uint8Array): number | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  if (view.byteLength < 6 || view.getUint32(0, true) !== 0xfd2fb528) return null
  const descriptor = view.getUint8(4)
  let at = 5 + headerBytes(descriptor)
  for (let last = false; !last; ) {
    if (at + 3 > view.byteLength) return null
    const header = view.getUint16(at, true) | (view.getUint8(at + 2) << 16)
    last = (header & 1) === 1
    // A run is one octet, however long it is.
    at += 3 + (((header >> 1) & 0b11) === run ? 1 : header >> 3)
  }
  return at + ((descriptor & 0b100) === 0 ? 0 : checksumBytes)
}

const run = 1

/** Octets of a frame's header after its descriptor: window, dictionary, content size. @see RFC 8878 3.1.1.1.1 */
function headerBytes(descriptor: number): number {
  const singleSegment = (descriptor & 0b10_0000) !== 0
  const contentSize = [singleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] as number
  const dictionary = [0, 1, 2, 4][descriptor & 0b11] as number
  return (singleSegment ? 0 : 1) + dictionary + contentSize
}
