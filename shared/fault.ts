/**
 * The one table of what can go wrong in a request, and the error that carries it.
 *
 *     throw new Fault('not_found', 'No campaign cmp_1 in this workspace.')
 */
export const faults = {
  invalid_request: [400, 'The request is not valid'],
  unauthorized: [401, 'An API key is needed'],
  forbidden: [403, 'This key may not do that'],
  not_found: [404, 'Not found'],
  method_not_allowed: [405, 'Method not allowed'],
  conflict: [409, 'Not possible in this state'],
  gone: [410, 'This link has been switched off'],
  precondition_failed: [412, 'Changed since you read it'],
  too_large: [413, 'Too large'],
  unprocessable: [422, 'The request cannot be carried out'],
  rate_limited: [429, 'Too many requests'],
  internal: [500, 'Something went wrong on our side'],
  unavailable: [503, 'Temporarily unavailable'],
} as const satisfies Record<string, readonly [status: number, title: string]>

export type FaultCode = keyof typeof faults

/** What is wrong with one field: where, why, and what would be right. */
export interface FieldError {
  /** A JSON pointer (`/recipients/3/handle`) or, for a CSV, `line 4, column handle`. */
  field: string
  detail: string
}

export class Fault extends Error {
  readonly code: FaultCode
  readonly errors: FieldError[]

  constructor(code: FaultCode, detail: string, errors: FieldError[] = []) {
    super(detail)
    this.name = 'Fault'
    this.code = code
    this.errors = errors
  }

  get status(): number {
    return faults[this.code][0]
  }
}
