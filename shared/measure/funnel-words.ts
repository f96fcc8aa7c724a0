/** The words of the one picture: every caption it shows, in one language. */
import type { Language } from '../facts.ts'
import type { Coefficient, Coefficients } from './coefficients.ts'
import { type Interval, leastRelays } from './interval.ts'
import type { Report } from './report.ts'
import { readersWord, trustClaim, viralityClaim } from './sentences.ts'
import { average, averageRange, count, day, percent, percentRange, plural, type Text, textOf } from './words.ts'

/** With more relays than this, the least followed are drawn as one strand. */
export const mostStrands = 120

/** What stands under one gap of the funnel; an empty line is not drawn. */
interface RateCaption {
  value: string
  name: string
  range: string
  note: string
}

export interface FunnelCaptions {
  title: string
  date: string
  /** Empty once the report is final. */
  pill: string
  headline: string[]
  labels: string[]
  rates: RateCaption[]
  foot: string
  description: string
}

export function captionsOf(report: Report, lang: Language): FunnelCaptions {
  const { header, funnel, coefficients } = report
  const { contact, trust, virality } = coefficients
  return {
    title: header.name,
    date: day(lang, header.startedAt ?? header.at),
    pill: header.notice?.[lang].replace(/\.$/, '') ?? '',
    headline: headlineOf(report, lang),
    labels: labelsOf(report, lang),
    rates: [
      rateOf(lang, contact, textOf('ont lu', 'read it')),
      rateOf(lang, trust, textOf('confiance : ont relayé', 'trust: passed it on')),
      viralityOf(coefficients, lang),
    ],
    foot: footOf(funnel.relays.count, lang),
    description: [header.notice, contact.sentence, trust.sentence, virality.sentence]
      .flatMap((sentence) => sentence?.[lang] ?? [])
      .join(' '),
  }
}

function headlineOf({ funnel, coefficients }: Report, lang: Language): string[] {
  const [sent, readers, relays] = [funnel.sent.count, funnel.readers.count, funnel.relays.count]
  if (readers === 0 && relays === 0) {
    const messages = { fr: ['message envoyé', 'messages envoyés'], en: ['message sent', 'messages sent'] } as const
    const [one, many] = messages[lang]
    return [`${count(lang, sent)} ${plural(lang, sent, one, many)}, ${lang === 'fr' ? 'aucun lecteur' : 'no readers'}.`]
  }
  const people = readersWord(relays)
  const claim =
    relays <= readers ? trustClaim(relays, readers) : textOf(`${people.fr} : relais faits`, `${people.en} relayed`)
  const { value } = coefficients.virality
  const brought = value === null ? [] : [viralityClaim(value, relays, intervalOf(coefficients.virality))]
  return [claim, ...brought].map((sentence) => `${sentence[lang]}.`)
}

function labelsOf({ funnel, health }: Report, lang: Language): string[] {
  const { sent, readers, relays, visits } = funnel
  // Relays by visitors brought more, which virality leaves out.
  const later = health.laterVisits > 0 ? count(lang, health.laterVisits) : ''
  return lang === 'fr'
    ? [
        plural(lang, sent.count, 'message envoyé', 'messages envoyés'),
        plural(lang, readers.count, 'lecteur', 'lecteurs'),
        'relais',
        plural(lang, visits.count, 'visite amenée', 'visites amenées') + (later && `, puis ${later}`),
      ]
    : [
        plural(lang, sent.count, 'message sent', 'messages sent'),
        plural(lang, readers.count, 'reader', 'readers'),
        plural(lang, relays.count, 'relay', 'relays'),
        plural(lang, visits.count, 'visit brought', 'visits brought') + (later && `, then ${later} more`),
      ]
}

function rateOf(lang: Language, coefficient: Coefficient, name: Text): RateCaption {
  const interval = intervalOf(coefficient)
  if (coefficient.value === null || !interval) return { value: '–', name: name[lang], range: '', note: '' }
  const range = plausibly(percentRange('fr', interval), percentRange('en', interval))
  return { value: percent(lang, coefficient.value, interval), name: name[lang], range: range[lang], note: '' }
}

function viralityOf({ virality }: Coefficients, lang: Language): RateCaption {
  const { value, spread } = virality
  const name = textOf('viralité : visites par relais', 'virality: visits per relay')[lang]
  if (value === null || !spread) return { value: '–', name, range: '', note: '' }
  const interval = intervalOf(virality)
  const range = interval
    ? plausibly(averageRange('fr', value, interval), averageRange('en', value, interval))
    : noRange(spread.visitsPerRelay.length)
  return { value: average(lang, value, interval), name, range: range[lang], note: halfOf(spread.median)[lang] }
}

function noRange(relays: number): Text {
  if (relays >= leastRelays) return textOf('', '')
  return textOf(`moins de ${leastRelays} relais : pas de fourchette`, `fewer than ${leastRelays} relays: no range`)
}

function halfOf(median: number): Text {
  const half = Math.floor(median)
  if (half === 0) return textOf('la moitié n’en ont amené aucune', 'half brought none')
  return textOf(`la moitié : ${count('fr', half)} ou moins`, `half brought ${count('en', half)} or fewer`)
}

function plausibly(fr: string, en: string): Text {
  return textOf(`fourchette plausible : ${fr}`, `plausibly ${en}`)
}

function intervalOf({ low, high }: Coefficient): Interval | undefined {
  return low !== null && high !== null ? { low, high } : undefined
}

function footOf(relays: number, lang: Language): string {
  const most = relays > mostStrands ? count(lang, mostStrands) : ''
  return textOf(
    `Hauteurs à l’échelle ; à droite, un brin par relais${most && ` pour les ${most} plus suivis`}. Fourchettes à 95 %, approximative pour la viralité.`,
    `Heights to scale; on the right, one strand per relay${most && ` for the ${most} most followed`}. 95% ranges, approximate for virality.`,
  )[lang]
}
