/** A destination as it may be stored, or the fault that names what is wrong with it. */
import { Fault } from '../../shared/fault.ts'
import { checkDestination } from '../../shared/track/destination.ts'

export function acceptDestination(text: string, publicUrl: string): string {
  const check = checkDestination(text, [new URL(publicUrl).host])
  if (check.ok) return check.href
  const errors = [{ field: '/destination', detail: check.detail }]
  throw new Fault('unprocessable', `The destination cannot be used. ${check.detail}`, errors)
}
