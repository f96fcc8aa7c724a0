/** What an answer from X says of its own limits. Trusted over our constants, and never to go faster than them. */
export interface LimitHeader {
  limit: number
  remaining: number
  /** Campaign time. X gives whole seconds: whoever parses the header rounds up. */
  resetAtMs: number
}

export interface XLimits {
  /** Of this user, 15 minutes. */
  window15?: LimitHeader
  /** Of this user, 24 hours (undocumented). */
  userDay?: LimitHeader
  /** Of the whole app, 24 hours, shared by all accounts (undocumented). */
  appDay?: LimitHeader
}
