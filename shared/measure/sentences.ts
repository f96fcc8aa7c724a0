/** What the report says in words: one sentence per number, in French and English, that anybody can repeat. */
import { type Interval, leastRelays } from './interval.ts'
import type { Spread } from './spread.ts'
import {
  average,
  averageOf,
  averageRange,
  count,
  type Noun,
  percent,
  percentRange,
  plural,
  type Text,
  textOf,
} from './words.ts'

export const provisionalNotice = textOf('Provisoire : trop tôt pour conclure.', "Provisional: don't decide yet.")

export function contactSentence(readers: number, sent: number, interval: Interval): Text {
  const messages = {
    fr: `${count('fr', sent)} ${plural('fr', sent, 'message envoyé', 'messages envoyés')}`,
    en: `${count('en', sent)} ${plural('en', sent, 'message', 'messages')} sent`,
  }
  const people = readersWord(readers)
  return withShare(`${people.fr} pour ${messages.fr}`, `${people.en} for ${messages.en}`, readers / sent, interval)
}

/** « 160 lecteurs », "160 readers". */
export function readersWord(readers: number): Text {
  return {
    fr: `${count('fr', readers)} ${plural('fr', readers, 'lecteur', 'lecteurs')}`,
    en: `${count('en', readers)} ${plural('en', readers, 'reader', 'readers')}`,
  }
}

export function trustSentence(relays: number, readers: number, interval: Interval): Text {
  const claim = trustClaim(relays, readers)
  return withShare(claim.fr, claim.en, relays / readers, interval)
}

/** « 50 lecteurs sur 160 ont relayé », without its rate and its full stop. */
export function trustClaim(relays: number, readers: number): Text {
  const [all, some] = [count('fr', readers), count('fr', relays)]
  const people = plural('fr', relays, 'lecteur', 'lecteurs')
  const who = `${relays === 0 ? 'None' : count('en', relays)} of ${count('en', readers)}`
  return textOf(
    relays === 0
      ? `Aucun lecteur sur ${all} n’a relayé`
      : `${some} ${people} sur ${all} ${plural('fr', relays, 'a relayé', 'ont relayé')}`,
    `${who} ${plural('en', readers, 'reader', 'readers')} relayed`,
  )
}

function withShare(fr: string, en: string, share: number, interval: Interval): Text {
  return textOf(
    `${fr} : ${percent('fr', share, interval)} (fourchette plausible : ${percentRange('fr', interval)}).`,
    `${en}: ${percent('en', share, interval)} (plausibly ${percentRange('en', interval)}).`,
  )
}

export function viralitySentence(virality: number, spread: Spread, interval: Interval | undefined): Text {
  const claim = viralityClaim(virality, spread.visitsPerRelay.length, interval)
  const { withoutTop } = spread
  if (virality === 0 || withoutTop === null) return textOf(`${claim.fr}.`, `${claim.en}.`)
  const range = plausibleRange(virality, interval)
  const half = Math.floor(spread.median)
  const most = {
    fr: half === 0 ? 'la moitié n’en ont amené aucune' : `la moitié en ont amené ${count('fr', half)} ou moins`,
    en: half === 0 ? 'half brought none' : `half brought ${count('en', half)} or fewer`,
  }
  return textOf(
    `${claim.fr}${range.fr} ; ${most.fr}. Sans le relais le plus suivi : ${average('fr', withoutTop)}.`,
    `${claim.en}${range.en}; ${most.en}. Without the most followed one: ${average('en', withoutTop)}.`,
  )
}

/** « Chaque relais a amené 16 visites en moyenne », without its range and its full stop. */
export function viralityClaim(virality: number, relays: number, interval?: Interval): Text {
  if (virality === 0) {
    return relays === 1
      ? textOf('Le seul relais n’a amené aucune visite', 'The only relay brought no visits')
      : textOf('Les relais n’ont amené aucune visite', 'The relays brought no visits')
  }
  const visits = averageBoth(virality, interval)
  if (relays === 1) return textOf(`Le seul relais a amené ${visits.fr}`, `The only relay brought ${visits.en}`)
  return textOf(`Chaque relais a amené ${visits.fr} en moyenne`, `Each relay brought ${visits.en} on average`)
}

export function yieldSentence(yielded: number, interval: Interval | undefined): Text {
  const [visits, range] = [averageBoth(yielded, interval), plausibleRange(yielded, interval)]
  return textOf(
    `Chaque message envoyé a amené ${visits.fr} en moyenne${range.fr}.`,
    `Each message sent brought ${visits.en} on average${range.en}.`,
  )
}

const visitNoun: Record<'fr' | 'en', Noun> = { fr: ['visite', 'visites'], en: ['visit', 'visits'] }

function averageBoth(visits: number, interval: Interval | undefined): Text {
  return {
    fr: averageOf('fr', visits, visitNoun.fr, interval),
    en: averageOf('en', visits, visitNoun.en, interval),
  }
}

function plausibleRange(value: number, interval: Interval | undefined): Text {
  if (!interval) return { fr: '', en: '' }
  return textOf(
    ` (fourchette plausible : ${averageRange('fr', value, interval)})`,
    ` (plausibly ${averageRange('en', value, interval)})`,
  )
}

export function breakEvenSentence(virality: number): Text {
  if (virality <= 1) {
    return textOf(
      'Le message ne peut pas se propager de lui-même : un relais amène au plus une visite en moyenne.',
      'It cannot spread on its own: a relay brings at most one visit on average.',
    )
  }
  return textOf(
    `Pour que le message se propage de lui-même, il faudrait que plus de ${percent('fr', 1 / virality)} des visiteurs le relaient.`,
    `To spread on its own, more than ${percent('en', 1 / virality)} of visitors would have to relay.`,
  )
}

export function cascadeSentence(visits: number, laterVisits: number): Text {
  if (laterVisits === 0) {
    return textOf(
      'Toutes les visites sont venues par les relais des lecteurs.',
      "All visits came through the readers' own relays.",
    )
  }
  const added = { fr: percent('fr', laterVisits / visits), en: percent('en', laterVisits / visits) }
  return textOf(
    `Les relais de visiteurs ont ajouté ${added.fr} aux visites amenées par les relais des lecteurs.`,
    `Relays by visitors added ${added.en} to the visits the readers' relays brought.`,
  )
}

export function fewReadersWarning(readers: number, threshold: number): Text {
  const people = readersWord(readers)
  return textOf(
    `${people.fr} : il en faut ${threshold} pour connaître la confiance à 10 points près. Ici : ±10 points ou pire.`,
    `${people.en}: it takes ${threshold} to know trust within 10 points. Here: ±10 points or worse.`,
  )
}

export function fewRelaysWarning(visitsPerRelay: readonly number[]): Text {
  const relays = visitsPerRelay.length
  const list = visitsPerRelay.join(', ')
  return textOf(
    `${relays} relais : il en faut ${leastRelays} pour donner une fourchette à la viralité.${list && ` Visites par relais : ${list}.`}`,
    `${relays} ${plural('en', relays, 'relay', 'relays')}: it takes ${leastRelays} to give virality a range.${list && ` Visits per relay: ${list}.`}`,
  )
}

export function oneRelayerWarning(topShare: number, threshold: number): Text {
  return textOf(
    `Porté par un seul relayeur : le relais le plus suivi a amené ${percent('fr', topShare)} des visites (seuil : ${percent('fr', threshold)}).`,
    `Carried by one relayer: the most followed relay brought ${percent('en', topShare)} of the visits (threshold: ${percent('en', threshold)}).`,
  )
}

/** Why a number, or its range, is not given. */
export const reasons = {
  nothingSent: textOf('Aucun message envoyé.', 'No message was sent.'),
  noReaders: textOf('Aucun lecteur.', 'No readers.'),
  noRelays: textOf('Aucun relais.', 'No relays.'),
  noVisits: textOf('Aucune visite.', 'No visits.'),
  fewRelays: textOf(`Moins de ${leastRelays} relais.`, `Fewer than ${leastRelays} relays.`),
  moreThanAsked: textOf(
    'Plus de personnes comptées que de personnes à l’étape précédente.',
    'More people counted than at the step before.',
  ),
} as const
