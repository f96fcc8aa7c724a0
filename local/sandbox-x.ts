/**
 * Sandbox X: a stand-in for X over real HTTP, with its limits, headers, errors and ways to fail, on the campaign clock.
 * With a file, all it knows survives being killed. Nothing leaves this machine.
 *
 *     const x = await startSandboxX({ clock })
 *     node local/sandbox-x.ts --port 4100 --file x.jsonl --scale 600 --origin 1767225600000
 */
import { parseArgs } from 'node:util'
import { scaledClock } from '../shared/ports/clock.ts'
import { startSandboxX } from './sandbox-x/start.ts'

export type { Limits, WindowKind } from './sandbox-x/limits.ts'
export type { Misbehaviour, Mishap } from './sandbox-x/misbehaviour.ts'
export { type RunningSandbox, type SandboxOptions, sandboxAccount, startSandboxX } from './sandbox-x/start.ts'
export type { Call, Message, SandboxPost, SandboxUser } from './sandbox-x/state.ts'

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '0' },
      file: { type: 'string' },
      scale: { type: 'string', default: '1' },
      origin: { type: 'string' },
      'open-links': { type: 'string' },
    },
  })
  const clock = scaledClock(Number(values.scale), Number(values.origin ?? Date.now()))
  const file = values.file === undefined ? {} : { file: values.file }
  const openLinks = values['open-links']
  const opening = openLinks === undefined ? {} : { openLinks }
  const x = await startSandboxX({ clock, port: Number(values.port), ...opening, ...file })
  console.log(x.url)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void x.stop())
}

if (import.meta.main) await main()
