/**
 * One JSON line per event on stderr, the shape CloudWatch indexes. Callers pass identifiers and numbers; message
 * text, keys and tokens never come here (a canary test looks).
 */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
export type LogFields = Record<string, string | number | boolean | undefined | null>

const ranks: Record<LogLevel, number> = { debug: 10, info: 20, warn: 30, error: 40 }

export function log(level: LogLevel, event: string, fields: LogFields = {}): void {
  const least = ranks[(process.env.LOG_LEVEL as LogLevel | undefined) ?? 'info'] ?? ranks.info
  if (ranks[level] < least) return
  process.stderr.write(`${JSON.stringify({ level, event, at: new Date().toISOString(), ...fields })}\n`)
}

/** The words of an unknown thrown value, without its stack. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
}
