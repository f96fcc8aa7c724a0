/**
 * The pages people see, as strings: relay, pressed, not this time, stop, and the few around them. No script, no
 * cookie, nothing fetched; every word from outside is escaped. Buttons post, so that a prefetch cannot press them.
 *
 *     relayPage({ lang: 'fr', sender, message, destination, slug, stopHref, channels: ['x', 'copy'] })
 */
import type { Language, RelayChannel } from '../facts.ts'
import { escapeMarkup } from '../measure/escape-markup.ts'
import { operatorMark } from '../track/visit.ts'
import { pageStyle } from './page-style.ts'
import { typeset, wordsIn } from './words.ts'

export { styleHash } from './page-style.ts'
export { pickLanguage } from './words.ts'

export interface PassItOnPage {
  lang: Language
  sender: string
  /** The text offered, or what the person had made of it. */
  message: string
  destination: string
  slug: string
  channels: readonly RelayChannel[]
  /** An operator tries their own page: the press must say so as well. */
  operator?: boolean
  /** What went wrong with the press just made, in the page's language. */
  error?: string | undefined
}

export interface RelayPage extends PassItOnPage {
  /** The stop page of this recipient, when the address they came by names it. */
  stopHref?: string | undefined
}

/** For a recipient, behind their ask link. */
export function relayPage(page: RelayPage): string {
  const { lang, stopHref } = page
  const words = wordsIn(lang)
  const quiet =
    `<button name="channel" value="not_this_time">${say(lang, words.notThisTime)}</button>` +
    (stopHref ? stopLink(lang, stopHref) : '')
  return askPage(page, { action: '/p/', ask: words.ask, quiet: `<div class="quiet">${quiet}</div>` })
}

/** For a visitor who came through somebody's relay link: `slug` is that link's. */
export function passItOnPage(page: PassItOnPage): string {
  return askPage(page, { action: '/via/', ask: wordsIn(page.lang).askVisitor, quiet: '' })
}

function askPage(page: PassItOnPage, shape: { action: string; ask: string; quiet: string }): string {
  const { lang, sender, message, error } = page
  const words = wordsIn(lang)
  return layout(
    lang,
    sender,
    `<p class="from">${say(lang, words.from)}</p>
<h1>${escapeMarkup(sender)}</h1>
<p class="lead">${say(lang, shape.ask)}</p>
${preview(page)}
${error ? `<p class="error" role="alert">${say(lang, error)}</p>` : ''}
<form method="post" action="${escapeMarkup(actionOf(shape.action, page))}">
<label for="text">${say(lang, words.yourText)}</label>
<textarea id="text" name="text" rows="4" maxlength="2000" aria-describedby="hint">
${escapeMarkup(message)}</textarea>
<p class="hint" id="hint">${say(lang, words.textHint)}</p>
${buttons(page)}
${shape.quiet}
</form>
${footer(lang)}`,
  )
}

function actionOf(place: string, { slug, operator }: Pick<PassItOnPage, 'slug' | 'operator'>): string {
  return `${place}${pathPart(slug)}${operator ? `?${operatorMark}` : ''}`
}

function button(lang: Language, channel: RelayChannel, main = false): string {
  // Beside others there is room for the name alone.
  const words = channel === 'x' && !main ? 'X' : say(lang, wordsIn(lang).channels[channel])
  return `<button${main ? ' class="main"' : ''} name="channel" value="${channel}">${words}</button>`
}

function stopLink(lang: Language, href: string): string {
  return `<a class="go" href="${escapeMarkup(href)}">${say(lang, wordsIn(lang).stop)}</a>`
}

/** The first channel is the main one; the others stand below it in pairs. */
function buttons({ lang, channels }: PassItOnPage): string {
  const [first, ...more] = channels.map((channel, index) => button(lang, channel, index === 0))
  return `${first ?? ''}${more.length > 0 ? `<div class="more">${more.join('')}</div>` : ''}`
}

/** Where the link leads, before anyone follows or spreads it. */
function preview({ lang, destination }: PassItOnPage): string {
  const { host, path } = placeOf(destination)
  if (!/^https?:/.test(destination)) return ''
  return (
    `<a class="page" href="${escapeMarkup(destination)}" rel="noreferrer"><strong>${escapeMarkup(host)}</strong>` +
    `<span>${escapeMarkup(path)}</span><em>${say(lang, wordsIn(lang).read)}</em></a>`
  )
}

function placeOf(destination: string): { host: string; path: string } {
  if (!URL.canParse(destination)) return { host: destination, path: '' }
  const { host, pathname } = new URL(destination)
  return { host, path: pathname === '/' ? '' : pathname.slice(0, 120) }
}

export interface PressedPage {
  lang: Language
  sender: string
  relayUrl: string
  channel: RelayChannel
  /** Where to go on; none for a copy. */
  intentHref?: string | undefined
  text: string
  /** Brought by this person's relay so far. */
  visits: number
  /** Where a further press goes, to relay elsewhere too; the same link is spread. */
  more: Pick<RelayPage, 'slug' | 'channels' | 'operator' | 'stopHref'> & { place: '/p/' | '/via/' }
}

export function pressedPage(page: PressedPage): string {
  const { lang, sender, relayUrl, channel, intentHref, text, visits, more } = page
  const words = wordsIn(lang)
  const hints: Partial<Record<RelayChannel, string>> = { x_repost: words.repostHint, linkedin: words.linkedinHint }
  const [goOn, hint] = [words.goOn[channel], hints[channel]]
  return layout(
    lang,
    sender,
    `<p class="from">${escapeMarkup(sender)}</p>
<h1>${say(lang, words.thanks)}</h1>
${intentHref && goOn ? `<p><a class="go main" href="${escapeMarkup(intentHref)}" rel="noreferrer">${say(lang, goOn)}</a></p>` : ''}
${hint ? `<p class="hint">${say(lang, hint)}</p>` : ''}
<h2>${say(lang, words.yourLink)}</h2>
<p class="copy">${escapeMarkup(relayUrl)}</p>
<p class="hint">${say(lang, words.linkHint)}</p>
${text ? `<h2>${say(lang, words.toCopy)}</h2>\n<p class="copy">${escapeMarkup(`${text} ${relayUrl}`)}</p>` : ''}
<p class="count">${say(lang, words.visits(visits))}</p>
<h2>${say(lang, words.elsewhere)}</h2>
<form method="post" action="${escapeMarkup(actionOf(more.place, more))}">
<input type="hidden" name="text" value="${escapeMarkup(text)}">
<div class="more">${more.channels
      .filter((one) => one !== channel)
      .map((one) => button(lang, one))
      .join('')}</div>
</form>
${more.stopHref ? `<div class="quiet">${stopLink(lang, more.stopHref)}</div>` : ''}
${footer(lang)}`,
  )
}

export function notThisTimePage({ lang, sender }: { lang: Language; sender: string }): string {
  const words = wordsIn(lang)
  return notice(lang, sender, words.notThisTimeTitle, [words.notThisTimeBody])
}

export interface StopPage {
  lang: Language
  sender: string
  token: string
  /** After the confirmation. */
  done: boolean
}

/** Stopping is a press as well: opening the page, as a prefetch may, stops nothing. */
export function stopPage({ lang, sender, token, done }: StopPage): string {
  const words = wordsIn(lang)
  if (done) return notice(lang, sender, words.stoppedTitle, [words.stoppedBody(sender), words.undo(sender)])
  return layout(
    lang,
    sender,
    `<p class="from">${escapeMarkup(sender)}</p>
<h1>${say(lang, words.stopTitle(sender))}</h1>
<p class="lead">${say(lang, words.stopBody)} ${say(lang, words.undo(sender))}</p>
<form method="post" action="/stop/${pathPart(token)}"><button class="main">${say(lang, words.stop)}</button></form>`,
  )
}

export function notFoundPage({ lang }: { lang: Language }): string {
  const words = wordsIn(lang)
  return notice(lang, '', words.notFoundTitle, [words.notFoundBody])
}

export function gonePage({ lang }: { lang: Language }): string {
  const words = wordsIn(lang)
  return notice(lang, '', words.goneTitle, [words.goneBody])
}

export function homePage({ lang, publicUrl }: { lang: Language; publicUrl: string }): string {
  const words = wordsIn(lang)
  return notice(lang, 'Passalong', words.homeTitle, [words.homeBody(placeOf(publicUrl).host), words.privacy])
}

function notice(lang: Language, above: string, title: string, paragraphs: readonly string[]): string {
  const over = above && `<p class="from">${escapeMarkup(above)}</p>\n`
  const body = paragraphs.map((paragraph) => `<p class="lead">${say(lang, paragraph)}</p>`).join('\n')
  return layout(lang, above || title, `${over}<h1>${say(lang, title)}</h1>\n${body}`)
}

function layout(lang: Language, title: string, body: string): string {
  return `<!doctype html>
<html lang="${lang}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="robots" content="noindex">
<meta name="referrer" content="no-referrer">
<title>${escapeMarkup(title)}</title>
<style>${pageStyle}</style>
</head>
<body>
<main>
${body}
</main>
</body>
</html>
`
}

function footer(lang: Language): string {
  return `<footer>${say(lang, wordsIn(lang).privacy)}</footer>`
}

function say(lang: Language, text: string): string {
  return escapeMarkup(typeset(lang, text))
}

function pathPart(text: string): string {
  return escapeMarkup(encodeURIComponent(text.toWellFormed()))
}
