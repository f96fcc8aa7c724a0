/**
 * Processes of a bench, each on a core of its own choice where `taskset` is there.
 *
 *     const server = await startPinned(0, 'bench/bare-server.ts')
 *     server.ready.port; await server.stop()
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

const canPin = spawnSync('taskset', ['-c', '0', 'true']).status === 0

export interface Pinned<T> {
  /** The JSON of the first line it printed. */
  ready: T
  /** Closes its stdin, which ends it, and waits. */
  stop(): Promise<void>
}

export async function startPinned<T>(core: number, file: string, args: string[] = []): Promise<Pinned<T>> {
  const command = [...(canPin ? ['taskset', '-c', String(core)] : []), process.execPath, file, ...args]
  const child = spawn(command[0]!, command.slice(1), { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  const line = await Promise.race([once(createInterface(child.stdout), 'line'), ended.then(() => undefined)])
  if (!line) throw new Error(`${file} ended before it was ready`)
  return {
    ready: JSON.parse(line[0] as string) as T,
    async stop() {
      child.stdin.end()
      await ended
    },
  }
}
