import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  atIndex,
  atLine,
  checkRecipient,
  checkRecipients,
  consentGate,
  parseRecipientsCsv,
  recipientFields,
} from '../../shared/broadcast/recipients.ts'

const now = Date.UTC(2026, 10, 24, 12)
const ada = { handle: 'ada', x_user_id: '12345' }
const consent = { consent_basis: 'opt_in', consent_evidence: 'form 7', consent_at: '2026-05-31' }
const check = (row: unknown) => checkRecipient(row, atIndex(3), now)
const recipient = (row: unknown) => {
  const result = check(row)
  if (!result.ok) throw new Error(JSON.stringify(result.errors))
  return result.recipient
}
const errors = (row: unknown) => {
  const result = check(row)
  return result.ok ? [] : result.errors.map(({ field, detail }) => `${field} ${detail}`)
}

describe('checkRecipient', () => {
  it('takes a whole row', () => {
    const row = { ...ada, ...consent, handle: '@Ada_L', name: ' Ada L. ', lang: 'fr-FR', followers: 1200 }
    expect(recipient(row)).toEqual({
      xUserId: '12345',
      handle: 'Ada_L',
      name: 'Ada L.',
      followers: 1200,
      segments: { lang: 'fr', tier: '1k-9999' },
      consent: { basis: 'opt_in', evidence: 'form 7', at: Date.UTC(2026, 4, 31) },
    })
  })

  it('takes the least a row may have; empty and null are absent', () => {
    const least = { xUserId: '12345', handle: 'ada', name: 'ada', segments: {} }
    expect(recipient(ada)).toEqual(least)
    expect(recipient({ ...ada, name: ' ', lang: '', followers: null, consent_at: '' })).toEqual(least)
  })

  it.each([
    [0, '<100'],
    ['99', '<100'],
    [100, '100-999'],
    [999, '100-999'],
    [1000, '1k-9999'],
    [9999, '1k-9999'],
    ['10000', '>=10k'],
  ])('%j followers are %s', (followers, tier) => {
    expect(recipient({ ...ada, followers }).segments.tier).toBe(tier)
  })

  it.each([
    ['FR', 'fr'],
    ['en-GB', 'en'],
    ['zh_Hant_TW', 'zh'],
    ['und', 'und'],
  ])('language %s is %s', (lang, primary) => {
    expect(recipient({ ...ada, lang }).segments.lang).toBe(primary)
  })

  it.each([
    ['2026-05-31T09:30Z', Date.UTC(2026, 4, 31, 9, 30)],
    ['2026-05-31T09:30:00+02:00', Date.UTC(2026, 4, 31, 7, 30)],
    ['2026-05-31 09:30:00.123', Date.UTC(2026, 4, 31, 9, 30, 0, 123)],
    ['2026-11-24', Date.UTC(2026, 10, 24)],
  ])('consent at %s', (consent_at, at) => {
    expect(recipient({ ...ada, ...consent, consent_at }).consent?.at).toBe(at)
  })

  it.each([
    [{ ...ada, handle: undefined }, '/recipients/3/handle Missing; expected 1 to 15 letters, digits or _.'],
    [{ ...ada, handle: 'a-b' }, '/recipients/3/handle "a-b" is not valid; expected 1 to 15'],
    [{ ...ada, handle: 'sixteen_letters_' }, '/recipients/3/handle "sixteen_letters_" is not valid'],
    [{ ...ada, handle: '@' }, '/recipients/3/handle "@" is not valid'],
    [{ ...ada, handle: 'ada\n' + 'x' }, '/recipients/3/handle "ada\\nx" is not valid'],
    [{ handle: 'ada' }, '/recipients/3/x_user_id Missing'],
    [{ ...ada, x_user_id: '123456789012345678901' }, '/recipients/3/x_user_id "123456789012345678901" is not valid'],
    [{ ...ada, x_user_id: '12e3' }, '/recipients/3/x_user_id "12e3" is not valid'],
    [{ ...ada, x_user_id: 12345 }, '/recipients/3/x_user_id Must be a string, not number.'],
    [{ ...ada, name: 'A\u0007da' }, '/recipients/3/name Contains a line break or another control character'],
    [{ ...ada, name: '\ud800' }, '/recipients/3/name Contains'],
    [{ ...ada, name: 'x'.repeat(101) }, '/recipients/3/name Has 101 characters; at most 100'],
    [{ ...ada, name: ['Ada'] }, '/recipients/3/name Must be a string, not array.'],
    [{ ...ada, lang: 'french!' }, '/recipients/3/lang "french!" is not valid; expected a language code'],
    [{ ...ada, followers: -1 }, '/recipients/3/followers "-1" is not valid; expected a whole number'],
    [{ ...ada, followers: 1.5 }, '/recipients/3/followers "1.5" is not valid'],
    [{ ...ada, followers: '1k' }, '/recipients/3/followers "1k" is not valid'],
    [{ ...ada, followers: true }, '/recipients/3/followers Must be a string, not boolean.'],
    [
      { ...ada, ...consent, consent_at: '' },
      '/recipients/3/consent_at Missing, though consent_basis and consent_evidence',
    ],
    [{ ...ada, consent_at: '2026-01-01' }, '/recipients/3/consent_basis Missing, though consent_at is given'],
    [
      { ...ada, ...consent, consent_basis: 'sure' },
      '/recipients/3/consent_basis "sure" is not valid; expected dm_first or opt_in',
    ],
    [{ ...ada, ...consent, consent_evidence: 'x'.repeat(501) }, '/recipients/3/consent_evidence Has 501 characters'],
    [{ ...ada, ...consent, consent_at: '2026-02-30' }, '/recipients/3/consent_at "2026-02-30" is not valid'],
    [
      { ...ada, ...consent, consent_at: '31/05/2026' },
      '/recipients/3/consent_at "31/05/2026" is not valid; expected a date such as',
    ],
    [
      { ...ada, ...consent, consent_at: '2026-05-31T25:00Z' },
      '/recipients/3/consent_at "2026-05-31T25:00Z" is not valid',
    ],
    [
      { ...ada, ...consent, consent_at: '2026-11-24T12:00:01Z' },
      '/recipients/3/consent_at "2026-11-24T12:00:01Z" is in the future',
    ],
    [{ ...ada, 'e/mail': 'x' }, '/recipients/3/e~1mail There is no field "e/mail"; allowed are handle, x_user_id'],
    [JSON.parse('{"handle":"ada","x_user_id":"1","__proto__":{}}'), '/recipients/3/__proto__ There is no field'],
    [null, '/recipients/3 Must be an object'],
    ['ada', '/recipients/3 Must be an object'],
    [[], '/recipients/3 Must be an object'],
  ])('refuses %.80j', (row, expected) => {
    expect(errors(row).some((error) => error.startsWith(expected))).toBe(true)
  })

  it('reports everything that is wrong with a row, each once', () => {
    expect(errors({ handle: '!', x_user_id: 5, followers: 'many' })).toHaveLength(3)
  })

  it('never throws; what it accepts is clean', () => {
    const value = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.anything(),
      fc.constantFrom('ada', '1', 'opt_in', '2026-01-01'),
    )
    const some = fc.dictionary(fc.constantFrom(...recipientFields), value, { maxKeys: 2 })
    const row = some.map((fields) => ({ ...ada, ...fields }))
    let accepted = 0
    fc.assert(
      fc.property(fc.oneof(row, fc.anything()), (input) => {
        const result = check(input)
        if (!result.ok) {
          expect(result.errors.length).toBeGreaterThan(0)
          return
        }
        accepted++
        const { handle, xUserId, name } = result.recipient
        expect(handle).toMatch(/^\w{1,15}$/)
        expect(xUserId).toMatch(/^\d{1,20}$/)
        expect(name).toMatch(/^\P{Cc}{1,100}$/u)
      }),
      { numRuns: 500 },
    )
    expect(accepted).toBeGreaterThan(20)
  })
})

it('the consent gate has no way around', () => {
  expect(consentGate(recipient(ada))).toEqual({ suppressed: 'no_consent' })
  expect(consentGate(recipient({ ...ada, ...consent }))).toBe('pending')
})

it('checkRecipients keeps the first of a person and names the others', () => {
  const rows = [{ ...ada, handle: '!' }, ada, { handle: 'bob', x_user_id: '2' }, { ...ada, handle: 'ada2' }]
  const result = checkRecipients(rows, now)
  expect(result.rows.map(({ handle }) => handle)).toEqual(['ada', 'bob'])
  expect(result.errors.map(({ field }) => field)).toEqual(['/recipients/0/handle'])
  expect(result.duplicates).toEqual([
    { field: '/recipients/3/x_user_id', detail: '12345 is already at /recipients/1, which is kept.' },
  ])
})

describe('parseRecipientsCsv', () => {
  const parse = (text: string) => parseRecipientsCsv(text, now)
  const handles = (text: string) => parse(text).rows.map(({ handle }) => handle)
  const fields = (text: string) => parse(text).errors.map(({ field }) => field)

  it('reads all eight columns', () => {
    const text = `${recipientFields.join(',')}\n@ada,12345,"L, Ada",fr,120,dm_first,"message ""7""",2026-05-31\n`
    expect(parse(text)).toEqual({
      rows: [
        {
          xUserId: '12345',
          handle: 'ada',
          name: 'L, Ada',
          followers: 120,
          segments: { lang: 'fr', tier: '100-999' },
          consent: { basis: 'dm_first', evidence: 'message "7"', at: Date.UTC(2026, 4, 31) },
        },
      ],
      errors: [],
      duplicates: [],
    })
  })

  const body = 'handle,x_user_id,name\nada,1,Ada\nbob,2,Bob\n'
  it.each([
    ['as it is', body],
    ['no final line end', body.trimEnd()],
    ['CRLF', body.replaceAll('\n', '\r\n')],
    ['CR', body.replaceAll('\n', '\r')],
    ['mixed line ends', body.replace('\n', '\r\n')],
    ['a byte order mark', `\uFEFF${body}`],
    ['semicolons', body.replaceAll(',', ';')],
    ['semicolons and a comma in a value', body.replaceAll(',', ';').replace('Ada', 'L, Ada')],
    ['blank lines and empty rows', body.replaceAll('\n', '\n\n , ,\n').replaceAll(' , ,', ',,')],
    [
      'quoted, capital and spaced column names',
      body.replace('handle,x_user_id', '"Handle" , X_USER_ID').replace('" ', '"'),
    ],
  ])('%s', (_, text) => {
    expect(parse(text).errors).toEqual([])
    expect(handles(text)).toEqual(['ada', 'bob'])
  })

  it.each([
    ['an empty file', '', ['line 1']],
    ['only blank lines', '\n\n', ['line 1']],
    ['an unknown column', 'handle,x_user_id,mail\nada,1,x', ['line 1, column mail']],
    ['a column without a name', 'handle,x_user_id,\nada,1,x', ['line 1, column (empty)']],
    ['a column twice', 'handle,x_user_id,handle\nada,1,x', ['line 1, column handle']],
    ['a missing column', 'handle\nada', ['line 1, column x_user_id']],
    ['too few and too many values', 'handle,x_user_id\nada\nbob,2\nc,3,4', ['line 2', 'line 4']],
    ['lines counted past blank ones', '\n\nhandle,x_user_id\n\nada,1\n\n!,2', ['line 7, column handle']],
    [
      'lines counted past quoted ones',
      'handle,x_user_id,consent_evidence\nada,1,"a\nb\n\nc"\n!,2,',
      ['line 2, column consent_basis', 'line 2, column consent_at', 'line 6, column handle'],
    ],
    [
      'the same with CRLF',
      'handle,x_user_id,name\r\nada,1,"A\r\nB"\r\n!,2,',
      ['line 2, column name', 'line 4, column handle'],
    ],
    ['a quote never closed', 'handle,x_user_id\nada,1\n\n"bob,2\nc,3\n', ['line 4']],
    ['a quote inside a value', 'handle,x_user_id,name\nada,1,A "x" L\nbob,2,', ['line 2']],
    ['text after a quoted value', 'handle,x_user_id,name\nada,1,"A"x\nbob,2,', ['line 2']],
  ])('names the place of: %s', (_, text, expected) => {
    expect(fields(text)).toEqual(expected)
  })

  it('says what would be right', () => {
    expect(parse('').errors[0]?.detail).toContain('handle,x_user_id,name')
    expect(parse('handle,x_user_id\nada').errors[0]?.detail).toBe(
      'Has 1 values for 2 columns; is a quote or a separator missing?',
    )
    expect(parse('handle,x_user_id,name\nada,1,A "x" L').errors[0]?.detail).toContain('double each one within')
  })

  it('keeps the good rows beside the bad ones, and the first of a person', () => {
    const text = 'handle,x_user_id\nada,1\n!,2\nada_again,1\nbob,3'
    expect(handles(text)).toEqual(['ada', 'bob'])
    expect(parse(text).duplicates).toEqual([
      { field: 'line 4, column x_user_id', detail: '1 is already at line 2, which is kept.' },
    ])
  })

  it('never throws, whatever the text', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('"', ',', ';', '\n', '\r\n', '\uFEFF', 'ada,1'),
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const { rows, errors } = parse(`handle,x_user_id\n${pieces.join('')}`)
        for (const { field } of errors) expect(field).toMatch(/^line \d+(, column (handle|x_user_id))?$/)
        for (const { handle } of rows) expect(handle).toMatch(/^\w{1,15}$/)
      }),
    )
  })

  it('gives every row the line it stands on', () => {
    const name = fc
      .array(fc.constantFrom('a', '"', '\n', ',', ';', ' '), { maxLength: 8 })
      .map((signs) => signs.join(''))
    fc.assert(
      fc.property(fc.array(fc.tuple(name, fc.nat({ max: 2 })), { maxLength: 20 }), (people) => {
        let text = 'handle,x_user_id,name\n'
        const lines = people.map(([value, blank]) => {
          text += '\n'.repeat(blank)
          const line = text.split('\n').length
          text += `!,1,"${value.replaceAll('"', '""')}"\n`
          return `line ${line}, column handle`
        })
        expect(fields(text).filter((field) => field.endsWith('handle'))).toEqual(lines)
      }),
    )
  })
})

it('names places in words for a file and as a pointer for JSON', () => {
  expect([atLine(4)(), atLine(4)('handle'), atIndex(3)(), atIndex(3)('handle')]).toEqual([
    'line 4',
    'line 4, column handle',
    '/recipients/3',
    '/recipients/3/handle',
  ])
})
