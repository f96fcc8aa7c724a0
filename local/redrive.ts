/** `npm run redrive`: counts the records the roll-up could not fold, now that it can. */
import { parseArgs } from 'node:util'
import { redrive } from '../shared/table/redrive.ts'
import { attach } from './attach.ts'
import { progress, runCommand, styled } from './command.ts'

const help = `Folds the roll-up's dead letters again with today's code; each is counted once, however often this runs.

  npm run redrive [-- --json]

  --json     one line of JSON on stdout
  --help     this text

DATA_DIR is the server's folder (.passalong); the server may keep running.
Exit code: 0 none left, 1 some cannot be folded yet, 2 not possible.`

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { json: { type: 'boolean' }, help: { type: 'boolean' } } })
  if (values.help) {
    console.log(help)
    return 0
  }
  const attached = await attach(process.env.DATA_DIR ?? '.passalong')
  try {
    progress('Redriving …')
    const { redriven, already, left } = await redrive(attached.table)
    const lines = [
      `${redriven} redriven${already > 0 ? `, ${already} by another command meanwhile` : ''}.`,
      left.length === 0 ? styled('green', 'None left.') : styled('red', `${left.length} cannot be folded yet:`),
      ...left.map(({ letter, reason }) => `  ${letter}  ${reason}`),
    ]
    console.log(values.json ? JSON.stringify({ redriven, already, left }) : lines.join('\n'))
    return left.length === 0 ? 0 : 1
  } finally {
    await attached.stop()
  }
}

await runCommand('redrive', main)
