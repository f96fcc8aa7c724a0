/** Opaque cursors: where a page ended, in a form nobody is tempted to build by hand. */
import { Fault } from '../../shared/fault.ts'

export const encodeCursor = (place: string | number): string => Buffer.from(String(place)).toString('base64url')

/** @throws Fault invalid_request unless it is one of ours. */
export function decodeCursor(cursor: string | undefined, place: RegExp): string | undefined {
  if (cursor === undefined) return undefined
  const text = Buffer.from(cursor, 'base64url').toString()
  if (place.test(text)) return text
  const detail = 'Not a cursor of this list; take nextCursor from the page before.'
  throw new Fault('invalid_request', `?cursor: ${detail}`, [{ field: '?cursor', detail }])
}
