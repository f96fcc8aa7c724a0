/**
 * `npm run demo`: a whole campaign in about a minute, on the real pipeline in a folder of its own.
 *
 * The pipeline sends to sandbox X at X's pace in faster time; invented people read, relay and visit by real HTTP.
 * What is printed at the end is read back from the report.
 */
import { accessSync, constants, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { Report } from '../shared/measure/report.ts'
import { startPeople } from './demo/people.ts'
import { type Pipeline, startPipeline } from './demo/pipeline.ts'
import { articleFigures, type Figures, impossible, makePlan } from './demo/plan.ts'

const usage = `npm run demo -- [options]

  --sent N --readers N --relays N --visits N   other figures than the article's 554, 160, 50, 812
  --noise N       bot, HEAD, prefetch and repeated requests that must not count (300)
  --seed N        other people (1)
  --scale N       how much faster campaign time runs, 1 to 20000 (7200)
  --ledger FILE   every request the people made and the answer they got, as JSON lines
  --lang fr|en    language of the picture and the sentences (en)
  --out FILE      where the picture goes (funnel.svg)
  --final         wait for the end of the last recipient's 72 hours: half a minute more, and nothing is provisional
  --keep          leave the server running
  --json          figures as JSON on the last line of stdout
`

const numbers = ['sent', 'readers', 'relays', 'visits', 'noise', 'seed'] as const
/** Nothing has changed for this long: the totals have settled. */
const settledMs = 2_000
/** Beyond what the plan itself takes. */
const patienceMs = 60_000
const windowMs = 72 * 3_600_000
/** Faster, and a machine's own delays would put people outside their 72 hours. */
const mostScale = 20_000

function readArguments() {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean', default: false } as const
  const { values } = parseArgs({
    options: {
      ...(Object.fromEntries(numbers.map((name) => [name, text])) as Record<(typeof numbers)[number], typeof text>),
      scale: { type: 'string', default: '7200' },
      ledger: text,
      lang: { type: 'string', default: 'en' },
      out: { type: 'string', default: 'funnel.svg' },
      final: flag,
      keep: flag,
      json: flag,
      help: flag,
    },
  })
  const whole = (name: string, value: string): number => {
    if (!/^\d{1,7}$/.test(value))
      throw new TypeError(`--${name} ${value}: it must be a whole number of at most 7 digits`)
    return Number(value)
  }
  const given = numbers.flatMap((name) => (values[name] === undefined ? [] : [[name, whole(name, values[name])]]))
  const figures: Figures = { ...articleFigures, ...Object.fromEntries(given) }
  const why = impossible(figures)
  if (why) throw new TypeError(why)
  const scale = whole('scale', values.scale)
  if (scale < 1 || scale > mostScale) throw new TypeError(`--scale ${scale}: it must be from 1 to ${mostScale}`)
  if (values.lang !== 'fr' && values.lang !== 'en') throw new TypeError('--lang must be fr or en')
  checkFolderOf(values.out)
  return { ...values, lang: values.lang as 'fr' | 'en', scale, figures }
}

/** Said at once, not after the whole campaign. */
function checkFolderOf(out: string): void {
  try {
    accessSync(dirname(out), constants.W_OK)
  } catch {
    throw new TypeError(`--out ${out}: its folder cannot be written`)
  }
}

type Arguments = ReturnType<typeof readArguments>

const campaignText = {
  fr: { name: 'Un article à faire passer', sender: 'Atelier Demo', language: 'fr' },
  en: { name: 'An article to pass on', sender: 'Atelier Demo', language: 'en' },
}

/** Invented recipients who all said yes: their participant ids, in the plan's order. */
async function createCampaign(
  pipeline: Pipeline,
  { figures, lang }: Arguments,
): Promise<{ id: string; participants: string[] }> {
  const about = { ...campaignText[lang], destination: 'https://example.org/the-article' }
  const { id } = (await pipeline.api('POST', '/v1/campaigns', about)) as { id: string }
  const rows = Array.from({ length: figures.sent }, (_, i) => ({
    handle: `demo_${String(i + 1).padStart(5, '0')}`,
    x_user_id: String(7_000_000_000 + i),
    name: `Reader ${i + 1}`,
    lang: i % 3 === 0 ? 'en' : 'fr',
    followers: [40, 320, 2_100, 18_000][i % 4],
    consent_basis: 'dm_first',
    consent_evidence: `wrote first, message ${i + 1}`,
    consent_at: '2026-01-05',
  }))
  for (let from = 0; from < rows.length; from += 500)
    await pipeline.api('POST', `/v1/campaigns/${id}/recipients`, { recipients: rows.slice(from, from + 500) })
  await pipeline.api('POST', `/v1/campaigns/${id}/launch`, {})
  return { id, participants: rows.map((row) => row.x_user_id) }
}

const countsOf = ({ funnel, health, filtering }: Report) => ({
  sent: funnel.sent.count,
  readers: funnel.readers.count,
  relays: funnel.relays.count,
  visits: funnel.visits.count,
  open: health.pending + health.sending,
  hits: filtering.hits,
})

/** Shows how far it is until everybody has done what they do and the totals do not move any more. */
async function watch(pipeline: Pipeline, id: string, people: ReturnType<typeof startPeople>, args: Arguments) {
  const path = `/v1/campaigns/${id}/report`
  let last = ''
  let changedAt = Date.now()
  for (;;) {
    const report = (await pipeline.api('GET', path)) as Report
    const counts = countsOf(report)
    const now = JSON.stringify([counts, people.seen.requests])
    if (now !== last) changedAt = Date.now()
    last = now
    progress(counts, args.figures, report.header.at)
    const idleMs = Date.now() - changedAt
    const done = counts.open === 0 && !people.busy() && idleMs >= settledMs
    if (done && !(args.final && report.header.provisional)) return report
    if (idleMs > patienceMs + windowMs / args.scale)
      throw new Error(`nothing moves any more: ${now} ${people.seen.failures.join('; ')}`)
    await sleep(400)
  }
}

const startedAt = Date.now()
let shownAt = 0

function progress(counts: ReturnType<typeof countsOf>, figures: Figures, at: string): void {
  const tty = process.stderr.isTTY
  if (!tty && Date.now() - shownAt < 5_000) return
  shownAt = Date.now()
  const { sent, readers, relays, visits } = counts
  const clock = at.slice(0, 16).replace('T', ' ')
  const line = `${clock}  sent ${sent}/${figures.sent}  readers ${readers}  relays ${relays}  visits ${visits}`
  process.stderr.write(tty ? `\r\x1b[K${line}` : `${line}\n`)
}

function summary(report: Report, args: Arguments): string {
  const { funnel, coefficients, filtering } = report
  const [trust, virality] = [coefficients.trust, coefficients.virality]
  return [
    '',
    `  sent     ${funnel.sent.count}`,
    `  readers  ${funnel.readers.count}`,
    `  relays   ${funnel.relays.count}`,
    `  visits   ${funnel.visits.count}`,
    '',
    `  trust    ${trust.value === null ? 'not known' : trust.value.toFixed(4)}   ${trust.sentence?.[args.lang] ?? ''}`,
    `  virality ${virality.value === null ? 'not known' : virality.value.toFixed(2)}    ${virality.sentence?.[args.lang] ?? ''}`,
    '',
    `  ${filtering.hits} requests on the links, ${filtering.bots} of them by machines and not counted`,
    `  picture: ${args.out}    took ${Math.round((Date.now() - startedAt) / 1000)} s`,
    '',
  ].join('\n')
}

async function run(args: Arguments): Promise<void> {
  const pipeline = await startPipeline(args.scale)
  const stop = async () => {
    await pipeline.stop()
    process.exit(130)
  }
  process.once('SIGINT', () => void stop())
  process.once('SIGTERM', () => void stop())
  try {
    process.stderr.write(`A pipeline of its own: ${pipeline.url}, time runs ${args.scale} times faster\n`)
    const { id, participants } = await createCampaign(pipeline, args)
    const { xUrl } = pipeline
    const plan = makePlan(args.figures)
    const people = startPeople({ plan, xUrl, participants, timeScale: args.scale, ledger: args.ledger })
    const report = await watch(pipeline, id, people, args)
    await people.stop()
    if (people.seen.failures.length > 0)
      throw new Error(`requests failed: ${people.seen.failures.slice(0, 3).join('; ')}`)
    writeFileSync(args.out, await pipeline.text(`/v1/campaigns/${id}/funnel.svg?lang=${args.lang}`))
    if (process.stderr.isTTY) process.stderr.write('\n')
    console.log(summary(report, args))
    if (args.keep) console.log(kept(pipeline, id))
    if (args.json) console.log(JSON.stringify(figuresOf(report)))
  } finally {
    if (!args.keep) await pipeline.stop()
  }
}

function figuresOf(report: Report) {
  const { open: _, ...counts } = countsOf(report)
  const { trust, virality, contact } = report.coefficients
  const { bots } = report.filtering
  return {
    ...counts,
    bots,
    contact: contact.value,
    trust: trust.value,
    virality: virality.value,
    campaign: report.header.id,
  }
}

const kept = (
  pipeline: Pipeline,
  id: string,
): string => `  The server stays: ${pipeline.url} (process ${pipeline.pid}, data in ${pipeline.dataDir})
  curl -H 'authorization: Bearer ${pipeline.apiKey}' ${pipeline.url}/v1/campaigns/${id}/report
  Stop it: kill ${pipeline.pid}
`

async function main(): Promise<void> {
  let args: Arguments
  try {
    args = readArguments()
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${usage}`)
    process.exit(2)
  }
  if (args.help) return console.log(usage)
  await run(args)
  // With --keep the server's pipe is still open.
  process.exit(0)
}

main().catch((error: unknown) => {
  process.stderr.write(`\nThe demo did not finish: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
})
