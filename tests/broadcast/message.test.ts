import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  checkMessage,
  defaultMessages,
  defaultRelayTexts,
  type MessageFields,
  messageFields,
  renderMessage,
} from '../../shared/broadcast/message.ts'
import { Fault } from '../../shared/fault.ts'

const link = 'https://pass.example/abcdefghij'
const ada = { name: 'Ada', handle: 'ada', lang: 'fr', followers: 12, sender: 'Blaise', link }
const fault = (template: string, fields: MessageFields): Fault => {
  try {
    renderMessage(template, fields)
  } catch (error) {
    if (error instanceof Fault) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

describe('checkMessage', () => {
  it.each([
    ['Hi {{ name }}: {{ link }}', ['name', 'link']],
    ['{{link}}', ['link']],
    ['{{- link -}}', ['link']],
    [
      '{% if lang == "fr" %}Salut{% else %}Hi{% endif %} {{ handle | upcase }} ({{ link }}).',
      ['lang', 'handle', 'link'],
    ],
    ['{% assign who = name | default: handle %}{{ who }} {{ link }}', ['name', 'handle', 'link']],
    ['{{ followers }} {{ sender }} «{{ link }}»', ['followers', 'sender', 'link']],
  ])('accepts %j', (template, variables) => {
    const check = checkMessage(template)
    expect(check.ok && check.variables.toSorted()).toEqual(variables.toSorted())
  })

  const once = /\{\{ link \}\} must stand in the message exactly once/
  it.each([
    ['Hi {{ nmae }} {{ link }}', /no variable nmae; a message may use name, handle, lang, followers, link, sender/],
    ['{% if lang == "zz" %}{{ name.first }}{% endif %} {{ link }}', /no variable name\.first/],
    ['{{ link }} {{ name | shout }}', /undefined filter: shout/],
    ['Hi {{ name }}', once],
    ['{{ link }} {{ link }}', once],
    ['{% if name %}{{ link }}{% endif %}', once],
    ['{{ link | upcase }}', once],
    ['{{ link }}{% if link %}!{% endif %}', once],
    ['{% assign link = "x" %}{{ link }}', once],
    ['{% raw %}{{ link }}{% endraw %}', once],
    ['{% comment %}{{ link }}{% endcomment %}', once],
    ['go: {{- link -}} now', /put a space around it/],
    ['{{ link }}/more', /put a space around it/],
    ['{{ link', /not closed/],
    ['{% if name %} {{ link }}', /not closed/],
    ['{% include "secrets" %} {{ link }}', /"include" not found/],
    ['{% render "secrets" %} {{ link }}', /"render" not found/],
    ['{% layout "secrets" %} {{ link }}', /"layout" not found/],
    ['{% block a %}{% endblock %} {{ link }}', /"block" not found/],
    ['{% liquid\ninclude "secrets"\n%} {{ link }}', /"liquid" not found/],
    ['{% for i in (1..99999999) %}{% endfor %} {{ link }}', /"for" not found/],
    [`{{ link }} ${'x'.repeat(10_000)}`, /It has 10\d{3} characters; a message may have 10000/],
    [`{{ link }} ${'x'.repeat(30_000)}`, /It has 30011 characters; a message may have 10000/],
    [
      `{{ link }} {% assign a = "${'x'.repeat(999)}" %}${'{% assign a = a | append: a %}'.repeat(20)}`,
      /memory alloc limit/,
    ],
  ])('refuses %.60j', (template, why) => {
    const check = checkMessage(template)
    if (check.ok) throw new Error('accepted')
    expect(check.errors[0]?.field).toBe('/message')
    expect(check.errors.map(({ detail }) => detail).join('\n')).toMatch(why)
  })

  it('names every unknown variable', () => {
    const check = checkMessage('{{ a }} {{ b }} {{ link }}')
    expect(check.ok || check.errors.length).toBe(2)
  })

  it('never throws, and what it accepts renders with the link exactly once', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom(
        '{{',
        '}}',
        '{%',
        '%}',
        '{{ link }}',
        '{{ name }}',
        '{% if name %}',
        '{% endif %}',
        '{% raw %}',
        ' | ',
      ),
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const template = pieces.join('')
        if (checkMessage(template).ok) expect(renderMessage(template, ada).split(link)).toHaveLength(2)
      }),
      { numRuns: 1000 },
    )
  })
})

describe('renderMessage', () => {
  it('fills in the fields', () => {
    expect(renderMessage('{{ name }} {{ handle }} {{ lang }} {{ followers }} {{ sender }} {{ link }}', ada)).toBe(
      `Ada ada fr 12 Blaise ${link}`,
    )
  })

  it('does not read a template out of a field', () => {
    expect(renderMessage('{{ name }}', { name: '{{ link }}{% if x %}', link })).toBe('{{ link }}{% if x %}')
  })

  it.each(messageFields)('says which field is missing and how to go without it: %s', (name) => {
    const { code, message } = fault(`{{ ${name} }}`, { ...ada, [name]: undefined })
    expect([code, message]).toEqual([
      'unprocessable',
      `This recipient has no ${name}; write {{ ${name} | default: "…" }} to say what then.`,
    ])
  })

  it('goes without it where the template says how', () => {
    expect(renderMessage('Hi {{ name | default: "you" }}{% if lang %} ({{ lang }}){% endif %}', { link })).toBe(
      'Hi you',
    )
  })

  it.each([
    ['{{ nobody }}', {}, /no variable nobody/],
    ['{{ name', {}, /cannot be read/],
    ['{{ name }}', { name: 'x'.repeat(10_001) }, /It has 10001 characters/],
    ['{{ name.constructor }}', { name: 'x' }, /no variable name\.constructor/],
  ])('refuses %s', (template, fields, why) => {
    const { code, message } = fault(template, fields)
    expect(code).toBe('unprocessable')
    expect(message).toMatch(why)
  })
})

describe('the words we ship', () => {
  it.each(['fr', 'en'] as const)('%s: pass their own check', (lang) => {
    expect(checkMessage(defaultMessages[lang])).toEqual({ ok: true, variables: ['name', 'link'] })
    expect(renderMessage(defaultMessages[lang], ada)).toContain(` ${link}. `)
    expect(defaultRelayTexts[lang].length).toBeLessThan(200)
  })
})
