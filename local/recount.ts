/** `npm run recount -- cmp_…`: are a campaign's totals what its facts say? With `--repair` they are made so. */
import { parseArgs } from 'node:util'
import { Fault } from '../shared/fault.ts'
import { findCampaign } from '../shared/table/recount.ts'
import { type Comparison, compareSettled, type Repaired, repair } from '../shared/table/repair.ts'
import { attach } from './attach.ts'
import { progress, runCommand, styled } from './command.ts'

const help = `Recounts a campaign from its facts and compares every total with the stored one.

  npm run recount -- <campaign> [--repair] [--json]

  --repair   write missing reads and visits, and set the totals that differ (the server may keep running;
             refused for a completed campaign, whose report is frozen)
  --json     one line of JSON on stdout
  --help     this text

DATA_DIR is the server's folder (.passalong). Without a running server, what it left to roll up is rolled up first.
Exit code: 0 all equal, 1 differences, 2 not possible.`

async function main(): Promise<number> {
  const options = { repair: { type: 'boolean' }, json: { type: 'boolean' }, help: { type: 'boolean' } } as const
  const { values, positionals } = parseArgs({ options, allowPositionals: true })
  if (values.help) return print(help)
  const [cmp, ...more] = positionals
  if (cmp === undefined || more.length > 0) throw new Fault('invalid_request', `One campaign is needed.\n\n${help}`)
  const attached = await attach(process.env.DATA_DIR ?? '.passalong')
  try {
    const { table, position } = attached
    const campaign = await findCampaign(table, cmp)
    if (!campaign) throw new Fault('not_found', `There is no campaign ${cmp} here.`)
    progress(`Recounting ${cmp} (${campaign.name}) …`)
    const given = { nowWall: Date.now(), position }
    const repaired = values.repair ? await repair(table, campaign.ws, cmp, given) : undefined
    const found = repaired?.after ?? (await compareSettled(table, campaign.ws, cmp, { ...given, compareOnly: true }))
    const summary = summarize(cmp, found, repaired)
    print(values.json ? JSON.stringify(summary) : describe(summary))
    return summary.equal ? 0 : 1
  } finally {
    await attached.stop()
  }
}

function summarize(campaign: string, found: Comparison, repaired: Repaired | undefined) {
  const { facts, broken, unexpected, settled, differences } = found
  const derivedMissing = found.missing.length
  const equal = differences.length + derivedMissing + unexpected === 0
  const counted = { campaign, equal, settled, facts, totals: found.totals.size, broken, derivedMissing }
  const done = repaired && { repaired: { derived: repaired.derived, fields: repaired.fields } }
  return { ...counted, derivedUnexpected: unexpected, differences, ...done }
}

function describe(summary: ReturnType<typeof summarize>): string {
  const { campaign, facts, totals, differences, repaired } = summary
  const rows = (all: typeof differences) =>
    all.map((d) => `  ${d.name} ${d.field}: ${d.stored}, recounted ${d.recounted}`)
  const lines = [`${campaign}: ${totals} totals recounted from ${facts} facts.`]
  if (repaired) lines.push(`Repaired: ${repaired.derived} derived facts, ${repaired.fields.length} fields.`)
  if (repaired) lines.push(...rows(repaired.fields))
  lines.push(summary.equal ? styled('green', 'All equal.') : styled('red', `${differences.length} fields differ.`))
  lines.push(...rows(differences))
  if (summary.derivedMissing > 0) lines.push(`${summary.derivedMissing} reads or visits are missing.`)
  if (summary.derivedUnexpected > 0) lines.push(`${summary.derivedUnexpected} reads or visits have no hit.`)
  if (summary.broken > 0) lines.push(`${summary.broken} facts are broken and count for nothing: see npm run redrive.`)
  if (!summary.settled) lines.push('Facts were still arriving: a difference may be one on its way.')
  return lines.join('\n')
}

function print(words: string): number {
  console.log(words)
  return 0
}

await runCommand('recount', main)
