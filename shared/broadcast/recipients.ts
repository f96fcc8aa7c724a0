/**
 * Turns untrusted rows, from JSON or CSV, into recipients that can be trusted, or says of each row where it is wrong,
 * why, and what would be right.
 *
 *     const { rows, errors, duplicates } = parseRecipientsCsv(text, nowMs)   // import nothing unless errors is empty
 *     checkRecipients(body.recipients, nowMs)                                // the same for JSON
 *
 * Imports csv-parse, a pure library: one of this folder's two exceptions (the other is liquidjs in message.ts).
 */
import { CsvError, parse } from 'csv-parse/sync'
import type { Consent, Segments, Tier } from '../facts.ts'
import type { FieldError } from '../fault.ts'

export const recipientFields = [
  'handle',
  'x_user_id',
  'name',
  'lang',
  'followers',
  'consent_basis',
  'consent_evidence',
  'consent_at',
] as const
export type RecipientField = (typeof recipientFields)[number]

export interface CheckedRecipient {
  xUserId: string
  handle: string
  name: string
  followers?: number
  segments: Segments
  consent?: Consent
}

/** Names a place in what was sent: a field of one row, or the row itself. */
export type Where = (field?: string) => string

export const atLine =
  (line: number): Where =>
  (column) =>
    column === undefined ? `line ${line}` : `line ${line}, column ${column}`

export const atIndex =
  (index: number): Where =>
  (field) =>
    `/recipients/${index}${field === undefined ? '' : `/${field.replaceAll('~', '~0').replaceAll('/', '~1')}`}`

export type RecipientCheck = { ok: true; recipient: CheckedRecipient } | { ok: false; errors: FieldError[] }

export function checkRecipient(row: unknown, where: Where, nowMs: number): RecipientCheck {
  if (typeof row !== 'object' || row === null || Array.isArray(row)) {
    return wrongRow(where, `Must be an object with ${recipientFields.join(', ')}.`)
  }
  const fields = new Fields(row as Record<string, unknown>, where)
  const xUserId = fields.match('x_user_id', /^\d{1,20}$/, 'the digits of the X user id, as a string')
  const handle = fields.match('handle', /^@?[A-Za-z0-9_]{1,15}$/, '1 to 15 letters, digits or _')?.replace('@', '')
  const name = readName(fields) ?? handle
  const lang = fields.match(
    'lang',
    /^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$/,
    'a language code such as fr or en-GB',
    false,
  )
  const followers = readFollowers(fields)
  const consent = readConsent(fields, nowMs)
  if (fields.errors.length > 0 || !xUserId || !handle || !name) return { ok: false, errors: fields.errors }
  const segments: Segments = {
    ...(lang !== undefined && { lang: lang.toLowerCase().slice(0, lang.search(/[-_]|$/)) }),
    ...(followers !== undefined && { tier: tierOf(followers) }),
  }
  return {
    ok: true,
    recipient: {
      xUserId,
      handle,
      name,
      segments,
      ...(followers !== undefined && { followers }),
      ...(consent && { consent }),
    },
  }
}

const wrongRow = (where: Where, detail: string): RecipientCheck => ({ ok: false, errors: [{ field: where(), detail }] })

/** One row's fields, read as text; keeps what was wrong with them. */
class Fields {
  readonly errors: FieldError[] = []
  readonly #row: Record<string, unknown>
  readonly #where: Where

  constructor(row: Record<string, unknown>, where: Where) {
    this.#row = row
    this.#where = where
    for (const key of Object.keys(row)) if (!isField(key)) this.wrong(key, unknownField(key))
  }

  wrong(field: string, detail: string): undefined {
    this.errors.push({ field: this.#where(field), detail })
  }

  /** Trimmed; undefined when absent, empty or wrong. */
  text(field: RecipientField): string | undefined {
    const value = Object.hasOwn(this.#row, field) ? this.#row[field] : undefined
    if (value === undefined || value === null) return undefined
    if (typeof value === 'number' && field === 'followers') return String(value)
    if (typeof value !== 'string')
      return this.wrong(field, `Must be a string, not ${Array.isArray(value) ? 'array' : typeof value}.`)
    return value.trim() === '' ? undefined : value.trim()
  }

  match(field: RecipientField, pattern: RegExp, expected: string, required = true): string | undefined {
    const errorsBefore = this.errors.length
    const text = this.text(field)
    if (text !== undefined && !pattern.test(text))
      return this.wrong(field, `${quote(text)} is not valid; expected ${expected}.`)
    if (text === undefined && required && this.errors.length === errorsBefore) {
      return this.wrong(field, `Missing; expected ${expected}.`)
    }
    return text
  }
}

function readName(fields: Fields): string | undefined {
  const name = fields.text('name')
  if (name === undefined) return undefined
  if (name.length > 100) return fields.wrong('name', `Has ${name.length} characters; at most 100 are allowed.`)
  if (/\p{Cc}/u.test(name) || !name.isWellFormed()) {
    return fields.wrong('name', 'Contains a line break or another control character; one line of text is expected.')
  }
  return name
}

function readFollowers(fields: Fields): number | undefined {
  const text = fields.match('followers', /^\d{1,10}$/, 'a whole number, 0 or more, such as 1200', false)
  return text === undefined ? undefined : Number(text)
}

function tierOf(followers: number): Tier {
  if (followers < 100) return '<100'
  if (followers < 1000) return '100-999'
  return followers < 10_000 ? '1k-9999' : '>=10k'
}

/** All three parts, or none: half a consent is a mistake, not a refusal. */
function readConsent(fields: Fields, nowMs: number): Consent | undefined {
  const errorsBefore = fields.errors.length
  const basis = fields.match('consent_basis', /^(dm_first|opt_in)$/, 'dm_first or opt_in', false)
  const evidence = fields.text('consent_evidence')
  const at = fields.text('consent_at')
  if (fields.errors.length > errorsBefore) return undefined
  const parts = { consent_basis: basis, consent_evidence: evidence, consent_at: at }
  if (basis === undefined || evidence === undefined || at === undefined) {
    const given = Object.entries(parts).filter(([, part]) => part !== undefined)
    for (const [field, part] of Object.entries(parts)) {
      if (part === undefined && given.length > 0) {
        fields.wrong(
          field,
          `Missing, though ${given.map(([key]) => key).join(' and ')} is given; give all three or none.`,
        )
      }
    }
    return undefined
  }
  if (evidence.length > 500) {
    fields.wrong('consent_evidence', `Has ${evidence.length} characters; at most 500 are allowed.`)
  }
  const atMs = readTime(at)
  if (atMs === undefined) {
    return fields.wrong(
      'consent_at',
      `${quote(at)} is not valid; expected a date such as 2026-05-31 or 2026-05-31T09:30:00Z.`,
    )
  }
  if (atMs > nowMs)
    return fields.wrong('consent_at', `${quote(at)} is in the future; consent comes before the message.`)
  return { basis: basis as Consent['basis'], evidence, at: atMs }
}

/** An ISO date or date-time; one that names no offset is taken as UTC. */
function readTime(text: string): number | undefined {
  const parts = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(Z|[+-]\d\d:\d\d)?)?$/i.exec(text)
  if (parts === null) return undefined
  const [, date = '', time = '00:00', offset = 'Z'] = parts
  const midnight = Date.parse(`${date}T00:00Z`)
  // The 30th of February parses, as the 2nd of March.
  if (Number.isNaN(midnight) || new Date(midnight).toISOString().slice(0, 10) !== date) return undefined
  const atMs = Date.parse(`${date}T${time}${offset.toUpperCase()}`)
  return Number.isNaN(atMs) ? undefined : atMs
}

/** The consent gate: X allows automated messages only to people who agreed. There is no override. */
export function consentGate(recipient: Pick<CheckedRecipient, 'consent'>): 'pending' | { suppressed: 'no_consent' } {
  return recipient.consent === undefined ? { suppressed: 'no_consent' } : 'pending'
}

export interface CheckedRecipients {
  rows: CheckedRecipient[]
  errors: FieldError[]
  /** Valid rows left out because the same person stands in an earlier one. */
  duplicates: FieldError[]
}

export function checkRecipients(rows: readonly unknown[], nowMs: number): CheckedRecipients {
  return checkAll(
    rows.map((row, index) => ({ row, where: atIndex(index) })),
    nowMs,
  )
}

/** A row, or why there is none to check. */
type Entry = { where: Where; row: unknown } | { where: Where; detail: string }

function checkAll(entries: Entry[], nowMs: number): CheckedRecipients {
  const result: CheckedRecipients = { rows: [], errors: [], duplicates: [] }
  const first = new Map<string, string>()
  for (const entry of entries) {
    const { where } = entry
    const check = 'row' in entry ? checkRecipient(entry.row, where, nowMs) : wrongRow(where, entry.detail)
    if (!check.ok) {
      result.errors.push(...check.errors)
      continue
    }
    const { xUserId } = check.recipient
    const earlier = first.get(xUserId)
    if (earlier !== undefined) {
      result.duplicates.push({
        field: where('x_user_id'),
        detail: `${xUserId} is already at ${earlier}, which is kept.`,
      })
      continue
    }
    first.set(xUserId, where())
    result.rows.push(check.recipient)
  }
  return result
}

/** A header line naming the columns, then one person per line; commas or semicolons. */
export function parseRecipientsCsv(text: string, nowMs: number): CheckedRecipients {
  const { records, broken } = readRecords(text)
  const [header, ...body] = records
  if (header === undefined) {
    const empty = { field: 'line 1', detail: `Must name the columns: ${recipientFields.join(',')}.` }
    return { rows: [], errors: [broken ?? empty], duplicates: [] }
  }
  const columns = header.values.map((value) => value.trim().toLowerCase())
  const headerErrors = checkHeader(columns, header.line)
  if (headerErrors.length > 0) return { rows: [], errors: headerErrors, duplicates: [] }
  const checked = checkAll(
    body.map(({ values, line }) => {
      const where = atLine(line)
      if (values.length === columns.length)
        return { where, row: Object.fromEntries(columns.map((c, i) => [c, values[i]])) }
      const detail = `Has ${values.length} values for ${columns.length} columns; is a quote or a separator missing?`
      return { where, detail }
    }),
    nowMs,
  )
  if (broken) checked.errors.push(broken)
  return checked
}

interface CsvRecord {
  values: string[]
  /** The line it begins on; a quoted value may run over several. */
  line: number
}

function readRecords(text: string): { records: CsvRecord[]; broken?: FieldError } {
  // The parser counts a quoted CRLF as two lines; with one kind of line end its count can be trusted.
  const lines = text.replace(/^\uFEFF/, '').replace(/\r\n?/g, '\n')
  const records: CsvRecord[] = []
  let ended = 0
  try {
    parse(lines, {
      delimiter: separatorOf(lines),
      record_delimiter: '\n',
      relax_column_count: true,
      on_record: (values: string[], context) => {
        ended = context.lines
        const line = ended - (values.join('').split('\n').length - 1)
        if (values.some((value) => value.trim() !== '')) records.push({ values, line })
        return null
      },
    })
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    const next = lines.split('\n').findIndex((line, i) => i >= ended && line.trim() !== '')
    return { records, broken: { field: `line ${next + 1}`, detail: whyBroken(error) } }
  }
  return { records }
}

/** Spreadsheets in French save with semicolons. No column's name contains either sign. */
function separatorOf(text: string): ',' | ';' {
  const header = /^\n*(.*)/.exec(text)?.[1] ?? ''
  return header.includes(';') ? ';' : ','
}

function whyBroken(error: CsvError): string {
  if (error.code === 'CSV_QUOTE_NOT_CLOSED') return 'A quote opened here is never closed; nothing after it can be read.'
  return 'A quote stands inside a value; put the whole value in quotes and double each one within, as in "Ada ""A"" L".'
}

function checkHeader(columns: string[], line: number): FieldError[] {
  const field = (column: string) => atLine(line)(column === '' ? '(empty)' : column)
  const errors = columns
    .filter((column) => !isField(column))
    .map((column) => ({ field: field(column), detail: unknownField(column) }))
  for (const column of new Set(columns.filter((column, i) => columns.indexOf(column) !== i))) {
    errors.push({ field: field(column), detail: 'Stands there twice; name each column once.' })
  }
  for (const column of ['x_user_id', 'handle']) {
    if (!columns.includes(column)) errors.push({ field: field(column), detail: 'Missing; every recipient needs it.' })
  }
  return errors
}

const isField = (name: string): boolean => (recipientFields as readonly string[]).includes(name)
const unknownField = (name: string): string =>
  `There is no field ${quote(name)}; allowed are ${recipientFields.join(', ')}.`
/** Enough of a value to recognise it by. */
const quote = (text: string): string => JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)
