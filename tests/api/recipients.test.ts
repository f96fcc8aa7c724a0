import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Api, aCampaign, ada, bruno, chloe, consent, startApi } from './start-api.ts'

let api: Api
let path: string
beforeAll(async () => {
  api = await startApi()
})
afterAll(() => api.stop())
beforeEach(async () => {
  path = `/v1/campaigns/${(await api.call('POST', '/v1/campaigns', { json: aCampaign })).body.id}`
})

const add = (json: unknown) => api.call('POST', `${path}/recipients`, { json })
const addCsv = (csv: string, query = '') => api.call('POST', `${path}/recipients${query}`, { csv })
const list = async (query = '') => (await api.call('GET', `${path}/recipients${query}`)).body
const handles = async () => (await list()).data.map(({ handle }: { handle: string }) => handle)

const header = 'handle,x_user_id,name,lang,followers,consent_basis,consent_evidence,consent_at'
const csvOf = (...lines: string[]) => [header, ...lines].join('\n')
const good = 'ada_bee,101,Ada,fr,120,dm_first,dm 1812,2026-10-01'

describe('JSON', () => {
  test('people are added; without consent they are kept and never written to', async () => {
    const { status, body } = await add({ recipients: [ada, bruno, chloe] })
    expect([status, body]).toEqual([
      200,
      {
        added: { pending: 2, suppressed: 1 },
        suppressedReasons: { no_consent: 1 },
        duplicates: [],
        skipped: [],
        skippedTotal: 0,
      },
    ])
    const { data } = await list()
    expect(data[0]).toEqual({
      ordinal: 1,
      status: 'pending',
      reason: null,
      handle: 'ada_bee',
      x_user_id: '101',
      name: 'Ada',
      lang: 'fr',
      followers: 120,
      consent_basis: 'dm_first',
      consent_evidence: 'dm 1812',
      consent_at: '2026-10-01T00:00:00.000Z',
      sentAt: null,
    })
    expect(data[2]).toMatchObject({ handle: 'chloe_wax', status: 'suppressed', reason: 'no_consent', consent_at: null })
  })

  test('one bad row: nothing is imported, the field is named', async () => {
    const { status, body } = await add({ recipients: [ada, { ...bruno, handle: 'not a handle', extra: 1 }] })
    expect(status).toBe(422)
    expect(body.errors.map(({ field }: { field: string }) => field)).toEqual([
      '/recipients/1/extra',
      '/recipients/1/handle',
    ])
    expect(await handles()).toEqual([])
  })

  test('skipInvalid imports the rest and says what was left out', async () => {
    const { status, body } = await add({ recipients: [ada, { ...bruno, x_user_id: 'abc' }, ada], skipInvalid: true })
    expect(status).toBe(200)
    expect(body).toMatchObject({ added: { pending: 1, suppressed: 0 }, skippedTotal: 2 })
    expect(body.skipped.map(({ field }: { field: string }) => field)).toEqual([
      '/recipients/1/x_user_id',
      '/recipients/2/x_user_id',
    ])
    expect(await handles()).toEqual(['ada_bee'])
  })

  test('the same people again are named and left as they are', async () => {
    await add({ recipients: [ada] })
    const { body } = await add({ recipients: [{ ...ada, name: 'Another' }, bruno] })
    expect(body).toMatchObject({ added: { pending: 1, suppressed: 0 }, duplicates: ['101'] })
    expect((await list()).data[0].name).toBe('Ada')
  })

  test.each([[[]], [Array.from({ length: 1001 }, () => ada)], ['ada']])(
    'not a list of 1 to 1,000',
    async (recipients) => {
      const { status, body } = await add({ recipients })
      expect([status, body.errors[0].field]).toEqual([400, '/recipients'])
    },
  )

  test('more than the usual 256 kB, up to 1 MB', async () => {
    const rows = (evidence: string) =>
      Array.from({ length: 1000 }, (_, i) => ({ ...bruno, x_user_id: String(5000 + i), consent_evidence: evidence }))
    expect((await add({ recipients: rows('e'.repeat(300)) })).body.added).toEqual({ pending: 1000, suppressed: 0 })
    expect((await add({ recipients: rows('e'.repeat(1000)) })).status).toBe(413)
  })
})

describe('CSV', () => {
  test('commas or semicolons, quotes, a byte-order mark', async () => {
    const csv = `\uFEFF${csvOf(good, 'bruno_hive,102,"Bruno ""B"", le sage",,,,,')}`
    expect((await addCsv(csv)).body.added).toEqual({ pending: 1, suppressed: 1 })
    expect((await addCsv('x_user_id;handle\n104;dora_comb')).body.added).toEqual({ pending: 0, suppressed: 1 })
    expect((await list()).data.map(({ name }: { name: string }) => name)).toEqual([
      'Ada',
      'Bruno "B", le sage',
      'dora_comb',
    ])
  })

  test.each([
    ['a bad value', csvOf(good, 'bruno_hive,1o2,Bruno,,,,,'), 'line 3, column x_user_id'],
    ['half a consent', csvOf(good, 'bruno_hive,102,Bruno,,,opt_in,,'), 'line 3, column consent_evidence'],
    ['an unknown column', 'handle,x_user_id,mail\na,1,b', 'line 1, column mail'],
    ['an open quote', csvOf(good, '"bruno_hive,102,Bruno,,,,,'), 'line 3'],
    ['a missing value', csvOf(good, 'bruno_hive,102'), 'line 3'],
  ])('%s: line, column and reason; nothing imported', async (_name, csv, field) => {
    const { status, body } = await addCsv(csv)
    expect([status, body.errors[0].field]).toEqual([422, field])
    expect(body.detail).toContain(body.errors[0].detail)
    expect(await handles()).toEqual([])
  })

  test('skip_invalid imports the good rows', async () => {
    const { status, body } = await addCsv(csvOf('bad handle,1,,,,,,', good), '?skip_invalid=true')
    expect([status, body.added, body.skippedTotal]).toEqual([200, { pending: 1, suppressed: 0 }, 1])
    expect(body.skipped[0].field).toBe('line 2, column handle')
    expect(await handles()).toEqual(['ada_bee'])
  })

  test('thousands of mistakes: the first hundred are listed', async () => {
    const { body } = await addCsv(csvOf(...Array.from({ length: 3000 }, (_, i) => `bad handle,${i},,,,,,`)))
    expect(body.errors).toHaveLength(100)
    expect(body.detail).toContain('3000 problems')
  })

  test('over 10 MB', async () => {
    expect((await addCsv('x'.repeat(10 * 1024 * 1024 + 1))).status).toBe(413)
  })

  test('skip_invalid=maybe is refused', async () => {
    expect((await addCsv(csvOf(good), '?skip_invalid=maybe')).body.errors[0].field).toBe('?skip_invalid')
  })
})

describe('listing', () => {
  test.each([2, 3])('pages of %i in order, and by status', async (limit) => {
    const people = Array.from({ length: 7 }, (_, i) => ({
      handle: `person_${i}`,
      x_user_id: String(200 + i),
      ...(i % 3 === 0 ? {} : consent),
    }))
    await add({ recipients: people })
    for (const [status, expected] of [
      ['', [0, 1, 2, 3, 4, 5, 6]],
      ['&status=suppressed', [0, 3, 6]],
      ['&status=pending', [1, 2, 4, 5]],
      ['&status=sent', []],
    ] as const) {
      const found: string[] = []
      for (let cursor = ''; ; ) {
        const { data, nextCursor } = await list(`?limit=${limit}${status}${cursor}`)
        expect(data.length).toBeLessThanOrEqual(limit)
        found.push(...data.map(({ handle }: { handle: string }) => handle))
        if (nextCursor === null) break
        cursor = `&cursor=${nextCursor}`
      }
      expect(found).toEqual(expected.map((i) => `person_${i}`))
    }
  })
})

test('no more people once it is launched', async () => {
  await add({ recipients: [ada] })
  await api.call('POST', `${path}/launch`, { json: {} })
  const { status, body } = await add({ recipients: [bruno] })
  expect([status, body.code]).toEqual([409, 'conflict'])
})
