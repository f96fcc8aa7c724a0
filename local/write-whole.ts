/** Writes a small file whole or not at all: a kill or a full disk never leaves half of it under its name. */
import { renameSync, writeFileSync } from 'node:fs'

export function writeWhole(file: string, text: string): void {
  const draft = `${file}.${process.pid}.draft`
  writeFileSync(draft, text, { mode: 0o600, flush: true })
  renameSync(draft, file)
}
