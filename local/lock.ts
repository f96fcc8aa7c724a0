/** One engine per data folder: who started it holds `server.pid` until its end. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** The process that holds the folder. A lock left by a killed one names a process that is gone. */
export function holderOf(dataDir: string): number | undefined {
  const file = join(dataDir, 'server.pid')
  const pid = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0
  return pid && pid !== process.pid && isOurs(pid) ? pid : undefined
}

/** Takes the folder; gives back how to release it. Undefined when another process holds it. */
export function lock(dataDir: string): (() => void) | undefined {
  if (holderOf(dataDir) !== undefined) return undefined
  const file = join(dataDir, 'server.pid')
  writeFileSync(file, String(process.pid))
  return () => rmSync(file, { force: true })
}

function isOurs(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  // Process ids are used again: where the system tells, only a program of ours counts.
  const commandLine = `/proc/${pid}/cmdline`
  return !existsSync(commandLine) || readFileSync(commandLine, 'utf8').includes('local/')
}
