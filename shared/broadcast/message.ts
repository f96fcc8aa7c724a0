/**
 * The message a campaign sends: a LiquidJS template, checked before launch and rendered per recipient.
 *
 *     checkMessage('Hello {{ name }}: {{ link }}')             // { ok: true, variables: ['name', 'link'] }
 *     renderMessage('Hello {{ name }}: {{ link }}', fields)    // 'Hello Ada: https://pass.example/abc'
 *
 * A template reads the fields below and nothing else: no files, no loops, bounded time and memory. `{{ link }}` stands
 * in it once, outside every condition, so that each message has its link exactly once.
 *
 * Imports liquidjs, a pure library: one of this folder's two exceptions (the other is csv-parse in recipients.ts).
 */
import { Liquid, Output, type Template } from 'liquidjs'
import type { Language } from '../facts.ts'
import { Fault, type FieldError } from '../fault.ts'

export const messageFields = ['name', 'handle', 'lang', 'followers', 'link', 'sender'] as const
export type MessageField = (typeof messageFields)[number]
export type MessageFields = Partial<Record<MessageField, string | number | undefined>>

/** X's limit for one direct message. */
const longestMessage = 10_000

export const defaultMessages: Record<Language, string> = {
  fr: "Bonjour {{ name }}, vous m'aviez autorisé à vous écrire. Si cet article vous paraît utile à vos abonnés, vous pouvez le relayer : {{ link }}. Sinon, ignorez ce message. Répondez STOP pour ne plus en recevoir.",
  en: "Hello {{ name }}, you told me I could write to you. If this article seems useful to your followers, you can pass it on: {{ link }}. If not, just ignore this message. Reply STOP and I won't write again.",
}

/** What a relayer is offered to post, before their link; theirs to edit. */
export const defaultRelayTexts: Record<Language, string> = {
  fr: "Un article qui mérite d'être lu :",
  en: 'An article worth reading:',
}

const allowedTags = ['if', 'unless', 'case', 'assign', 'capture', 'comment', 'raw', 'echo', '#']

function makeEngine(): Liquid {
  const engine = new Liquid({
    strictVariables: true,
    strictFilters: true,
    // Lets `| default: "…"` and `{% if name %}` meet a field that a recipient does not have.
    lenientIf: true,
    ownPropertyOnly: true,
    // An empty set of templates in place of the file system.
    templates: {},
    parseLimit: 2 * longestMessage,
    renderLimit: 1000,
    memoryLimit: 10 * longestMessage,
  })
  for (const tag of Object.keys(engine.tags)) if (!allowedTags.includes(tag)) delete engine.tags[tag]
  return engine
}

const engine = makeEngine()

export type MessageCheck = { ok: true; variables: string[] } | { ok: false; errors: FieldError[] }

export function checkMessage(template: string, field = '/message'): MessageCheck {
  const no = (...details: string[]): MessageCheck => ({
    ok: false,
    errors: details.map((detail) => ({ field, detail })),
  })
  const parsed = parse(template)
  if (typeof parsed === 'string') return no(parsed)
  const { globals, locals } = engine.analyzeSync(parsed, { partials: false })
  const variables = [...new Set(Object.values(globals).flat().map(String))]
  const problems = variables.filter((name) => !isField(name)).map((name) => unknown(name))
  const uses = globals.link?.length ?? 0
  if (uses !== 1 || 'link' in locals || parsed.filter(isLink).length !== 1) {
    problems.push(
      '{{ link }} must stand in the message exactly once, by itself: outside every condition, without a filter.',
    )
  }
  if (problems.length > 0) return no(...problems)
  return trial(parsed, no) ?? { ok: true, variables }
}

function parse(template: string): Template[] | string {
  try {
    return engine.parse(template)
  } catch (error) {
    if (template.length > 2 * longestMessage) return tooLong(template.length)
    return `The template cannot be read: ${(error as Error).message}. Tags allowed: ${allowedTags.join(', ')}.`
  }
}

/** Renders for an invented recipient: what parsing cannot see, and whether the link stands free. */
function trial(parsed: Template[], no: (detail: string) => MessageCheck): MessageCheck | undefined {
  const link = 'https://pass.example/0000000000'
  const sample = { name: 'Ada', handle: 'ada', lang: 'en', followers: 100, sender: 'Sender', link }
  try {
    const text = engine.renderSync(parsed, sample) as string
    if (text.length > longestMessage) return no(tooLong(text.length))
    const [before = '', after = ''] = text.split(link)
    if (/[\p{L}\p{N}_/]$/u.test(before) || /^[\p{L}\p{N}_/?#&=%-]/u.test(after)) {
      return no('{{ link }} touches the text beside it and would lead elsewhere: put a space around it.')
    }
  } catch (error) {
    return no(`The template cannot be rendered: ${(error as Error).message}.`)
  }
}

/** Throws a Fault that says what is missing; the text of the message is in none of them. */
export function renderMessage(template: string, fields: MessageFields): string {
  const parsed = parse(template)
  if (typeof parsed === 'string') throw new Fault('unprocessable', parsed)
  const text = render(parsed, fields)
  if (text.length > longestMessage) throw new Fault('unprocessable', tooLong(text.length))
  return text
}

function render(parsed: Template[], fields: MessageFields): string {
  try {
    return engine.renderSync(parsed, fields) as string
  } catch (error) {
    const name = missing(error)
    if (name === undefined)
      throw new Fault('unprocessable', `The message cannot be rendered: ${(error as Error).message}.`)
    if (!isField(name)) throw new Fault('unprocessable', unknown(name))
    throw new Fault(
      'unprocessable',
      `This recipient has no ${name}; write {{ ${name} | default: "…" }} to say what then.`,
    )
  }
}

function missing(error: unknown): string | undefined {
  const cause = (error as { originalError?: { variableName?: string } }).originalError
  return cause?.variableName
}

function isLink(part: Template): boolean {
  return part instanceof Output && /^-?\s*link\s*-?$/.test((part.token as unknown as { content: string }).content)
}

const isField = (name: string): boolean => (messageFields as readonly string[]).includes(name)
const unknown = (name: string): string => `There is no variable ${name}; a message may use ${messageFields.join(', ')}.`
const tooLong = (length: number): string => `It has ${length} characters; a message may have ${longestMessage}.`
