/** What operators' commands share: data on stdout, progress on stderr of a terminal, exit code 2 for what cannot be done. */
import { styleText } from 'node:util'
import { Fault } from '../shared/fault.ts'
import { StartError } from './dynamo.ts'

/** Runs a command's work; what it resolves to is the exit code. */
export async function runCommand(name: string, work: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await work()
  } catch (error) {
    const { code } = error as { code?: string }
    const usage = code?.startsWith('ERR_PARSE_ARGS') ? `\nnpm run ${name} -- --help tells more.` : ''
    const known = usage !== '' || error instanceof Fault || error instanceof StartError
    console.error(known ? `${(error as Error).message}${usage}` : error)
    process.exitCode = 2
  }
}

export function progress(words: string): void {
  if (process.stderr.isTTY) console.error(styleText('dim', words, { stream: process.stderr }))
}

/** Coloured on a terminal that wants it (`NO_COLOR` is heeded). */
export function styled(style: 'green' | 'red', words: string): string {
  return styleText(style, words, { stream: process.stdout })
}
