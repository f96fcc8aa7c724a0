/**
 * An append-only file of JSON lines. A line is with the operating system before `append` returns, so killing this
 * process loses nothing that was answered; a last line cut short by a full disk or a power loss is dropped on opening.
 */
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'

export interface Journal<T> {
  append(entry: T): void
  close(): void
}

export function openJournal<T>(file: string | undefined, replay: (entry: T) => void): Journal<T> {
  if (file === undefined) return { append: () => {}, close: () => {} }
  const handle = openSync(file, 'a+')
  const bytes = readFileSync(handle)
  const whole = bytes.lastIndexOf(0x0a) + 1
  ftruncateSync(handle, whole)
  for (const line of bytes.toString('utf8', 0, whole).split('\n')) {
    if (line !== '') replay(JSON.parse(line) as T)
  }
  return {
    append: (entry) => {
      writeSync(handle, `${JSON.stringify(entry)}\n`)
    },
    close: () => closeSync(handle),
  }
}
