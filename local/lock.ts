/** One engine per data folder: who started it holds `server.pid` until its end. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

/** The process that holds the folder. A lock left by a killed one names a process that is gone. */
export function holderOf(dataDir: string): number | undefined {
  const [pid, began] = read(join(dataDir, 'server.pid'))?.split(' ') ?? []
  const holder = Number(pid ?? 0)
  return holder && holder !== process.pid && isThere(holder, began) ? holder : undefined
}

/** Takes the folder; gives back how to release it. Undefined when another process holds it. */
export function lock(dataDir: string): (() => void) | undefined {
  const file = join(dataDir, 'server.pid')
  // Two that start at the same moment look and take one after the other.
  const taking = new DatabaseSync(join(dataDir, 'lock.sqlite'), { timeout: 5000 })
  try {
    taking.exec('BEGIN EXCLUSIVE')
    if (holderOf(dataDir) !== undefined) return undefined
    writeFileSync(file, `${process.pid} ${beginOf(process.pid) ?? ''}`.trim())
  } finally {
    taking.close()
  }
  return () => rmSync(file, { force: true })
}

/** Process ids are used again: where the system tells when a process began, it has to be the one that took the lock. */
function isThere(pid: number, began: string | undefined): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  return began === undefined || beginOf(pid) === began
}

/** In ticks since the machine started (proc(5), field 22); undefined where there is no /proc. */
function beginOf(pid: number): string | undefined {
  return read(`/proc/${pid}/stat`)?.split(') ').at(-1)?.split(' ')[19]
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
