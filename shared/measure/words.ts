/**
 * Numbers as people read them, in French and English: decimal comma, narrow no-break spaces, plurals, and no more
 * digits than the interval deserves.
 */
import type { Language } from '../facts.ts'
import type { Interval } from './interval.ts'

/** The same words in both languages. */
export type Text = Record<Language, string>

/** Singular and plural. */
export type Noun = readonly [one: string, many: string]

const narrowSpace = '\u202f'
const locales: Record<Language, string> = { fr: 'fr-FR', en: 'en-GB' }

/** French written with ordinary spaces, with the no-break ones its punctuation asks for. */
export function typesetFrench(text: string): string {
  return text.replace(/ (?=[:;!?%»])|(?<=«) /g, narrowSpace)
}

/** Both languages at once; the French is typeset. */
export function textOf(fr: string, en: string): Text {
  return { fr: typesetFrench(fr), en }
}

export function count(lang: Language, value: number): string {
  return format(lang, value, 0)
}

/** An average such as visits per relay: whole from 10 on, finer below or when its interval is narrow. */
export function average(lang: Language, value: number, interval?: Interval): string {
  return format(lang, value, averageDigits(value, interval))
}

/** An average with its noun: « 1,5 visite », "1.5 visits". */
export function averageOf(lang: Language, value: number, noun: Noun, interval?: Interval): string {
  const shown = Number(value.toFixed(averageDigits(value, interval)))
  return `${average(lang, value, interval)} ${plural(lang, shown, ...noun)}`
}

/** « 10 à 27 », "10–27", with the digits of the average they surround. */
export function averageRange(lang: Language, value: number, interval: Interval): string {
  const digits = averageDigits(value, interval)
  return span(lang, format(lang, interval.low, digits), format(lang, interval.high, digits))
}

/** « 31 % », "31%": with the digits of its interval, else whole from 10 % on and two significant digits below. */
export function percent(lang: Language, share: number, interval?: Interval): string {
  const digits = interval ? percentDigits(interval) : significant(share * 100)
  return withSign(lang, format(lang, share * 100, digits))
}

/** « 25 à 39 % », "25–39%". */
export function percentRange(lang: Language, interval: Interval): string {
  const digits = percentDigits(interval)
  return withSign(lang, span(lang, format(lang, interval.low * 100, digits), format(lang, interval.high * 100, digits)))
}

/** French counts anything below two as one; English only one itself. */
export function plural(lang: Language, value: number, one: string, many: string): string {
  return (lang === 'fr' ? value < 2 : value === 1) ? one : many
}

/** « 24 novembre 2026 », "24 November 2026", in UTC. */
export function day(lang: Language, time: string | number): string {
  const shape = { day: 'numeric', month: 'long', year: 'numeric', timeZone: 'UTC' } as const
  return new Intl.DateTimeFormat(locales[lang], shape).format(new Date(time))
}

function averageDigits(value: number, interval?: Interval): number {
  const digits = significant(value)
  return interval ? Math.max(digits, distinguishing(interval.high - interval.low)) : digits
}

function percentDigits({ low, high }: Interval): number {
  return Math.max(high < 0.1 ? 1 : 0, distinguishing((high - low) * 100))
}

/** Decimals that leave two significant digits below 10, none from 10 on. */
function significant(value: number): number {
  return value === 0 ? 0 : clampDigits(1 - Math.floor(Math.log10(value)))
}

/** Decimals that keep the two ends of a range apart. */
function distinguishing(width: number): number {
  return width === 0 ? 0 : clampDigits(Math.ceil(-Math.log10(width)))
}

function clampDigits(digits: number): number {
  return Math.min(6, Math.max(0, digits))
}

function format(lang: Language, value: number, maximumFractionDigits: number): string {
  return new Intl.NumberFormat(locales[lang], { maximumFractionDigits }).format(value)
}

function span(lang: Language, low: string, high: string): string {
  return lang === 'fr' ? `${low} à ${high}` : `${low}–${high}`
}

function withSign(lang: Language, digits: string): string {
  return lang === 'fr' ? `${digits}${narrowSpace}%` : `${digits}%`
}
