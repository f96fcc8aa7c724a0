/** The words of the pages people see, in French and English, and which of the two a browser asks for. */
import type { Language, RelayChannel } from '../facts.ts'
import { count, plural, typesetFrench } from '../measure/words.ts'

export interface PageWords {
  /** Above the sender's name. */
  from: string
  ask: string
  askVisitor: string
  read: string
  yourText: string
  textHint: string
  channels: Record<RelayChannel, string>
  notThisTime: string
  stop: string
  privacy: string
  thanks: string
  goOn: Partial<Record<RelayChannel, string>>
  repostHint: string
  linkedinHint: string
  yourLink: string
  linkHint: string
  toCopy: string
  elsewhere: string
  visits(visits: number): string
  notThisTimeTitle: string
  notThisTimeBody: string
  stopTitle(sender: string): string
  stopBody: string
  stoppedTitle: string
  stoppedBody(sender: string): string
  undo(sender: string): string
  notFoundTitle: string
  notFoundBody: string
  goneTitle: string
  goneBody: string
  homeTitle: string
  homeBody(host: string): string
}

const french: PageWords = {
  from: 'De la part de',
  ask: 'Si cette page vous paraît utile à vos abonnés, vous pouvez la relayer.',
  askVisitor: 'Cette page vous a plu ? Vous pouvez la relayer à votre tour.',
  read: 'Lire la page',
  yourText: 'Votre texte',
  textHint: 'Modifiable. Votre lien personnel s’ajoute à la fin.',
  channels: {
    x: 'Relayer sur X (texte modifiable avant publication)',
    x_repost: 'Reposter sur X',
    bluesky: 'Bluesky',
    linkedin: 'LinkedIn',
    whatsapp: 'WhatsApp',
    email: 'E-mail',
    copy: 'Copier le lien',
  },
  notThisTime: 'Pas cette fois',
  stop: 'Ne plus me solliciter',
  privacy: 'Nous comptons les ouvertures et les visites, sans cookie ; l’adresse IP n’est pas conservée.',
  thanks: 'Merci !',
  goOn: {
    x: 'Continuer sur X',
    x_repost: 'Reposter sur X',
    bluesky: 'Continuer sur Bluesky',
    linkedin: 'Continuer sur LinkedIn',
    whatsapp: 'Continuer sur WhatsApp',
    email: 'Écrire l’e-mail',
  },
  repostHint: 'Un repost garde le lien d’origine : ses visites ne s’ajoutent pas à votre compte.',
  linkedinHint: 'LinkedIn ne reprend que le lien : copiez votre texte avant de continuer.',
  yourLink: 'Votre lien personnel',
  linkHint: 'Un appui le sélectionne en entier.',
  toCopy: 'Votre texte, avec le lien',
  elsewhere: 'Relayer aussi ailleurs',
  visits: (visits) =>
    visits === 0
      ? 'Votre relais n’a pas encore amené de visite.'
      : `Votre relais a amené ${count('fr', visits)} ${plural('fr', visits, 'visite', 'visites')}.`,
  notThisTimeTitle: 'C’est noté.',
  notThisTimeBody: 'Pas cette fois : rien n’est publié, et personne n’est prévenu. Vous pouvez fermer cette page.',
  stopTitle: (sender) => `Ne plus recevoir de demande de ${sender} ?`,
  stopBody: 'L’effet est immédiat, pour cette campagne et les suivantes.',
  stoppedTitle: 'C’est fait.',
  stoppedBody: (sender) => `Dès maintenant, ${sender} ne vous sollicitera plus.`,
  undo: (sender) => `Pour revenir en arrière, écrivez à ${sender}.`,
  notFoundTitle: 'Ce lien ne mène nulle part.',
  notFoundBody: 'Vérifiez qu’il a été copié en entier.',
  goneTitle: 'Ce lien a été désactivé.',
  goneBody: 'La page n’est plus accessible par ce lien.',
  homeTitle: 'Mesurer jusqu’où une communauté porte un message.',
  homeBody: (host) =>
    `Les liens de ${host} sont des liens suivis : chacun mène à une page qu’une personne a choisi de partager.`,
}

const english: PageWords = {
  from: 'From',
  ask: 'If this page seems useful to your followers, you can pass it on.',
  askVisitor: 'Did you like this page? You can pass it on in turn.',
  read: 'Read the page',
  yourText: 'Your text',
  textHint: 'Yours to edit. Your personal link is added at the end.',
  channels: {
    x: 'Relay on X (text editable before posting)',
    x_repost: 'Repost on X',
    bluesky: 'Bluesky',
    linkedin: 'LinkedIn',
    whatsapp: 'WhatsApp',
    email: 'E-mail',
    copy: 'Copy the link',
  },
  notThisTime: 'Not this time',
  stop: "Don't ask me again",
  privacy: 'We count opens and visits, without cookies; the IP address is not kept.',
  thanks: 'Thank you!',
  goOn: {
    x: 'Continue on X',
    x_repost: 'Repost on X',
    bluesky: 'Continue on Bluesky',
    linkedin: 'Continue on LinkedIn',
    whatsapp: 'Continue on WhatsApp',
    email: 'Write the e-mail',
  },
  repostHint: 'A repost keeps the original link: its visits are not added to yours.',
  linkedinHint: 'LinkedIn takes the link only: copy your text before you continue.',
  yourLink: 'Your personal link',
  linkHint: 'One tap selects all of it.',
  toCopy: 'Your text, with the link',
  elsewhere: 'Pass it on elsewhere too',
  visits: (visits) =>
    visits === 0
      ? 'Your relay has not brought a visit yet.'
      : `Your relay brought ${count('en', visits)} ${plural('en', visits, 'visit', 'visits')}.`,
  notThisTimeTitle: 'Understood.',
  notThisTimeBody: 'Not this time: nothing is posted and nobody is told. You can close this page.',
  stopTitle: (sender) => `No more requests from ${sender}?`,
  stopBody: 'It takes effect at once, for this campaign and the next ones.',
  stoppedTitle: 'Done.',
  stoppedBody: (sender) => `From now on, ${sender} won't ask you again.`,
  undo: (sender) => `To undo this, write to ${sender}.`,
  notFoundTitle: 'This link leads nowhere.',
  notFoundBody: 'Check that it was copied whole.',
  goneTitle: 'This link has been switched off.',
  goneBody: 'The page can no longer be reached through it.',
  homeTitle: 'Measure how far a community carries a message.',
  homeBody: (host) => `Links on ${host} are tracked links: each leads to a page that a person chose to share.`,
}

const words: Record<Language, PageWords> = { fr: french, en: english }

export function wordsIn(lang: Language): PageWords {
  return words[lang]
}

/** A French sentence's punctuation needs no-break spaces; what people wrote themselves is left as it is. */
export function typeset(lang: Language, text: string): string {
  return lang === 'fr' ? typesetFrench(text) : text
}

/** French when the browser prefers it to English; English when it asks for neither. */
export function pickLanguage(acceptLanguage: string | undefined): Language {
  const weights: Record<Language, number> = { fr: 0, en: 0 }
  for (const [position, range] of (acceptLanguage ?? '').split(',').slice(0, 20).entries()) {
    const [tag = '', ...parameters] = range.trim().toLowerCase().split(';')
    const lang = tag.trim().split('-')[0]
    if (lang !== 'fr' && lang !== 'en') continue
    const given = parameters.map((parameter) => /^\s*q=([\d.]+)\s*$/.exec(parameter)?.[1]).find(Boolean)
    // Among equals the first named wins.
    weights[lang] = Math.max(weights[lang], Number(given ?? 1) - position / 1e6)
  }
  return weights.fr > weights.en ? 'fr' : 'en'
}
