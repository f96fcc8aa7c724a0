/** The demo: what it plans, what it refuses, and one short run whose ledger is counted again here. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import type { LedgerLine } from '../../local/demo/people.ts'
import {
  articleFigures,
  type Figures,
  impossible,
  makePlan,
  noiseKinds,
  type Person,
  random,
  splitVisits,
} from '../../local/demo/plan.ts'

const root = new URL('../..', import.meta.url).pathname
const windowMs = 72 * 3_600_000
/** Of the demo's processes, so that what they leave is found. */
const temporary = mkdtempSync(join(tmpdir(), 'passalong-demo-test-'))

afterAll(() => rmSync(temporary, { recursive: true, force: true }))

/** Figures that can happen. */
const figures = fc
  .record({ sent: fc.integer({ min: 1, max: 300 }), seed: fc.nat(9_999_999), noise: fc.nat(200) })
  .chain(({ sent, ...rest }) => fc.nat(sent).map((readers) => ({ sent, readers, ...rest })))
  .chain((all) => fc.nat(all.readers).map((relays) => ({ ...all, relays })))
  .chain((all) => fc.nat(all.relays === 0 ? 0 : 2000).map((visits): Figures => ({ ...all, visits })))

const visitsOf = (people: Person[]) => people.reduce((sum, person) => sum + person.visitors.length, 0)
const noiseOf = (people: Person[]) => people.flatMap((person) => person.noise)
const relayersOf = (people: Person[]) => people.filter((person) => person.pressesAfterMs !== undefined)

describe('a plan', () => {
  test('has exactly the figures asked for, and only what can happen', () => {
    fc.assert(
      fc.property(figures, (asked) => {
        expect(impossible(asked)).toBeUndefined()
        const people = makePlan(asked)
        expect({
          sent: people.length,
          readers: people.filter((person) => person.readsAfterMs !== undefined).length,
          relays: relayersOf(people).length,
          visits: visitsOf(people),
          noise: noiseOf(people).length,
          seed: asked.seed,
        }).toEqual(asked)
        for (const { readsAfterMs, pressesAfterMs, visitors, noise } of people) {
          if (pressesAfterMs !== undefined) expect(readsAfterMs).toBeDefined()
          if (visitors.length > 0) expect(pressesAfterMs).toBeDefined()
          // Opening again needs somebody who has opened.
          if (noise.some(({ kind }) => kind === 'again')) expect(readsAfterMs).toBeDefined()
        }
      }),
    )
  })

  test('ends well within the 72 hours, and nobody reads as fast as a machine', () => {
    fc.assert(
      fc.property(figures, (asked) => {
        for (const { readsAfterMs = 0, pressesAfterMs = 0, visitors, noise } of makePlan(asked)) {
          if (readsAfterMs > 0) expect(readsAfterMs).toBeGreaterThan(60_000)
          const last = Math.max(0, ...visitors.map((visitor) => visitor.afterMs))
          expect(readsAfterMs + pressesAfterMs + last).toBeLessThan(windowMs - 24 * 3_600_000)
          for (const { afterMs } of noise) expect(readsAfterMs + afterMs).toBeLessThan(windowMs - 24 * 3_600_000)
        }
      }),
    )
  })

  test('is the same for the same seed and another for another', () => {
    expect(makePlan(articleFigures)).toEqual(makePlan({ ...articleFigures }))
    expect(makePlan(articleFigures)).not.toEqual(makePlan({ ...articleFigures, seed: 2 }))
  })

  test('shares visits unevenly: some relays bring none, one brings much', () => {
    const relays = fc.integer({ min: 8, max: 200 })
    fc.assert(
      fc.property(relays, fc.nat(5000), fc.nat(), (count, visits, seed) => {
        const split = splitVisits(visits, count, random(seed))
        expect(split).toHaveLength(count)
        expect(split.reduce((sum, n) => sum + n, 0)).toBe(visits)
        expect(split.some((n) => n === 0)).toBe(true)
        // Heavy-tailed: the first one brings at least twice what an even share would be.
        if (visits >= 20 * count) expect(Math.max(...split)).toBeGreaterThan((2 * visits) / count)
      }),
    )
    expect(relayersOf(makePlan(articleFigures)).filter(({ visitors }) => visitors.length === 0)).toHaveLength(6)
  })

  test('has every kind of noise', () => {
    expect(new Set(noiseOf(makePlan(articleFigures)).map(({ kind }) => kind))).toEqual(new Set(noiseKinds))
  })

  test.each<[Partial<Figures>, string]>([
    [{ sent: 0, readers: 0, relays: 0, visits: 0 }, '--sent must be at least 1'],
    [{ readers: 555 }, '--readers 555 is more than --sent 554'],
    [{ relays: 161 }, '--relays 161 is more than --readers 160'],
    [{ relays: 0 }, '--visits 812 need at least one relay'],
    [{ visits: 131_000 }, '--sent 554 and --visits 131000: together at most 131072'],
  ])('of %j is impossible, and why is said', (asked, why) => {
    expect(impossible({ ...articleFigures, ...asked })).toBe(why)
  })
})

async function demo(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const { PATH } = process.env
  const child = spawn(process.execPath, ['local/demo.ts', ...args], { cwd: root, env: { PATH, TMPDIR: temporary } })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString()
  })
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString()
  })
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stdout, stderr }
}

/** Folders and processes of a demo that are still there. */
function leftovers(): string[] {
  const folders = readdirSync(temporary).filter((name) => name.startsWith('passalong-demo-'))
  const processes = readdirSync('/proc').filter((pid) => {
    try {
      const about = ['cmdline', 'environ'].map((name) => readFileSync(`/proc/${pid}/${name}`, 'utf8')).join()
      return /^\d+$/.test(pid) && about.includes(join(temporary, 'passalong-demo-'))
    } catch {
      return false
    }
  })
  return [...folders, ...processes]
}

test.each([
  [['--sent', 'many'], '--sent many: it must be a whole number'],
  [['--visits', '-3'], "Option '--visits"],
  [['--seed', '1.5'], '--seed 1.5: it must be a whole number'],
  [['--seed', '12345678'], 'of at most 7 digits'],
  [['--readers', '600'], '--readers 600 is more than --sent 554'],
  [['--relays', '0'], '--visits 812 need at least one relay'],
  [['--scale', '0'], '--scale 0: it must be from 1 to 20000'],
  [['--scale', '1000000'], '--scale 1000000: it must be from 1 to 20000'],
  [['--lang', 'de'], '--lang must be fr or en'],
  [['--readres', '3'], "Unknown option '--readres'"],
  [['now'], 'Unexpected argument'],
])('the demo refuses %j with a sentence and how it is used', async (args, sentence) => {
  const { code, stdout, stderr } = await demo(...args)
  expect([code, stdout]).toEqual([2, ''])
  expect(stderr).toContain(sentence)
  expect(stderr).toContain('npm run demo -- [options]')
  expect(stderr).not.toMatch(/^\s+at /m)
  expect(leftovers()).toEqual([])
})

test('help is no error', async () => {
  const { code, stdout } = await demo('--help')
  expect([code, stdout.startsWith('npm run demo -- [options]')]).toEqual([0, true])
})

/** What the ledger says happened, by the rules of the product and without the demo's own words for it. */
function recount(lines: LedgerLine[]) {
  const onLinks = lines.filter(({ url }) => /^\/[0-9A-Za-z]{10}(\.[\w-]{22})?$/.test(new URL(url).pathname))
  const isPerson = ({ method, userAgent, headers }: LedgerLine) =>
    method === 'GET' && !userAgent.includes('bot') && headers['sec-purpose'] === undefined
  const people = onLinks.filter(isPerson)
  const leadsTo = (start: string) =>
    people.filter(({ status, location }) => status === 302 && location?.startsWith(start))
  const presses = lines.filter(({ method, status }) => method === 'POST' && (status === 303 || status === 200))
  const visits = leadsTo('https://example.org/')
  return {
    readers: new Set(leadsTo('/p/').map(({ url }) => url)).size,
    relays: new Set(presses.map(({ url }) => url)).size,
    visits: new Set(visits.map(({ url, forwardedFor, userAgent }) => `${url} ${forwardedFor} ${userAgent}`)).size,
    hits: onLinks.length,
    bots: onLinks.length - people.length,
  }
}

test('a short run ends with the figures asked for, as its ledger counted again says, and leaves nothing', async () => {
  const [ledger, out] = [join(temporary, 'ledger.jsonl'), join(temporary, 'funnel.svg')]
  const asked = { sent: 40, readers: 15, relays: 6, visits: 30, noise: 24 }
  const options = Object.entries({ ...asked, seed: 5, scale: 7200 }).flatMap(([name, n]) => [`--${name}`, String(n)])
  const { code, stdout, stderr } = await demo('--json', ...options, '--ledger', ledger, '--out', out)
  expect([code, stderr.includes('did not finish')], stderr).toEqual([0, false])
  expect(leftovers()).toEqual([])

  const reported = JSON.parse(stdout.trimEnd().split('\n').at(-1)!)
  const { noise, ...counts } = asked
  expect(reported).toMatchObject({ ...counts, contact: 0.375, trust: 0.4, virality: 5 })
  expect(stdout).toMatch(/readers {2}15[\s\S]*relays {3}6[\s\S]*visits {3}30/)

  const lines = readFileSync(ledger, 'utf8').trimEnd().split('\n')
  const recounted = recount(lines.map((line) => JSON.parse(line) as LedgerLine))
  const { readers, relays, visits } = counts
  expect(recounted).toMatchObject({ readers, relays, visits })
  expect(lines.filter((line) => line.includes('"noise:'))).toHaveLength(noise)
  // X itself opens each message's link four times, and none of them is a person.
  expect(reported).toMatchObject({ hits: recounted.hits + 4 * 40, bots: recounted.bots + 4 * 40 })

  const picture = readFileSync(out, 'utf8')
  expect(picture.startsWith('<svg')).toBe(true)
  for (const n of ['40', '15', '6', '30']) expect(picture).toContain(`>${n}<`)
}, 120_000)

test('a server that is kept outlives the demo, and ends when it is told to', async () => {
  const out = join(temporary, 'kept.svg')
  const small = ['--sent', '2', '--readers', '1', '--relays', '1', '--visits', '1', '--noise', '0']
  const { code, stdout, stderr } = await demo('--keep', ...small, '--scale', '20000', '--out', out)
  expect(code, stderr).toBe(0)
  const [, url, pid, dataDir] = /stays: (\S+) \(process (\d+), data in (\S+)\)/.exec(stdout)!
  const [, key] = /Bearer (\w+)/.exec(stdout)!
  try {
    // Something to write to its log, whose reader is gone.
    const engine = readFileSync(join(dataDir!, 'engine.pid'), 'utf8')
    process.kill(Number(engine), 'SIGKILL')
    const log = join(dataDir!, 'server.log')
    for (let i = 0; i < 100 && !readFileSync(log, 'utf8').includes('engine.restarted'); i++) await sleep(50)
    await sleep(1000)
    const answer = await fetch(`${url}/v1/campaigns`, { headers: { authorization: `Bearer ${key}` } })
    expect(answer.status).toBe(200)
  } finally {
    process.kill(Number(pid), 'SIGTERM')
  }
  for (let i = 0; i < 100 && existsSync(`/proc/${pid}`); i++) await sleep(50)
  rmSync(dataDir!, { recursive: true })
  expect(leftovers()).toEqual([])
}, 120_000)
