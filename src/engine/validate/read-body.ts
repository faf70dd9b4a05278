import type { BodySource } from '../../base/message.ts'
import { unreachable } from '../../base/unreachable.ts'
import { allow, type Decision, deny } from '../decision.ts'

/** Reads a body whole, or says why it could not be. */
export async function readBody(
  source: BodySource,
  maxBodyBytes: number,
  announcedBytes: number | null,
): Promise<Decision<Uint8Array>> {
  const read = await source.read(maxBodyBytes, announcedBytes)
  switch (read.kind) {
    case 'bytes':
      return allow(read.bytes)
    case 'too_large':
      return deny('validate', 'body_too_large', `the body is above ${maxBodyBytes} octets`)
    case 'timeout':
      return deny('validate', 'request_timeout', 'the body did not arrive in time')
    case 'aborted':
      return deny('validate', 'malformed_request', 'the body broke off')
    default:
      return unreachable(read)
  }
}
