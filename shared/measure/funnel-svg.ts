/**
 * The one picture: sent → readers → relays → visits, made to be shared. Heights are to scale, one message, person or
 * visit each, and on the right every relay is a strand as thick as the visits it brought. Self-contained SVG.
 */
import type { Language } from '../facts.ts'
import { escapeMarkup } from './escape-markup.ts'
import { captionsOf, type FunnelCaptions, mostStrands } from './funnel-words.ts'
import type { Report } from './report.ts'
import { count } from './words.ts'

const width = 1200
const height = 675
const margin = 64
const fonts = "ui-sans-serif,system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif"
const colours = {
  paper: '#fbf9f5',
  ink: '#1c2333',
  muted: '#5c6475',
  line: '#e3ded3',
  sent: '#3d5a80',
  readers: '#2f7f8f',
  relays: '#1f9a83',
  between: '#d3a64a',
  visits: '#e2673a',
  visitsText: '#b8431a',
}
const band = { middle: 384, height: 212, bar: 10 }
/** Left edge of each stage's bar; the last stage is wider apart, for its strands to fan out. */
const stages = [margin, 400, 690, width - margin - band.bar] as const

interface TextStyle {
  size: number
  fill?: string
  weight?: number
  anchor?: 'start' | 'middle' | 'end'
}

interface Slice {
  top: number
  bottom: number
}

export function funnelSvg(report: Report, lang: Language): string {
  const captions = captionsOf(report, lang)
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" \
role="img" aria-labelledby="funnel-title funnel-desc" lang="${lang}" font-family="${fonts}">
<title id="funnel-title">${escapeMarkup(captions.title)}</title>
<desc id="funnel-desc">${escapeMarkup(captions.description)}</desc>
<defs>
${gradient('asked', colours.sent, colours.readers)}
${gradient('read', colours.readers, colours.relays)}
${gradient('spread', colours.relays, colours.between, colours.visits)}
</defs>
<rect width="${width}" height="${height}" fill="${colours.paper}"/>
${headOf(captions)}
${shapeOf(report)}
${stagesOf(report, captions, lang)}
${ratesOf(captions)}
${footOf(captions)}
</svg>
`
}

function headOf({ title, date, pill, headline }: FunnelCaptions): string {
  const room = width - 2 * margin
  const pillSize = pill ? widthOf(pill, 16, 600) + 32 : 0
  const name = shorten(title, 20, 600, room - pillSize - widthOf(date, 20) - 40)
  const size = Math.min(36, ...headline.map((line) => (36 * room) / widthOf(line, 36, 700)))
  const fills = [colours.ink, colours.visitsText]
  return [
    `<text x="${margin}" y="63" font-size="20" fill="${colours.ink}" font-weight="600">${escapeMarkup(name)}` +
      `<tspan dx="14" font-weight="400" fill="${colours.muted}">${escapeMarkup(date)}</tspan></text>`,
    pill && pillOf(pill, pillSize),
    ...headline.map((line, row) =>
      text(margin, 116 + row * 45, line, { size, weight: 700, fill: fills[row] as string }),
    ),
  ].join('\n')
}

function pillOf(pill: string, size: number): string {
  const left = width - margin - size
  return (
    `<rect x="${round(left)}" y="39" width="${round(size)}" height="36" rx="18" fill="#fdeccb"/>` +
    text(left + size / 2, 62.5, pill, { size: 16, fill: '#7a4b00', weight: 600, anchor: 'middle' })
  )
}

/** The ribbons and, over them, a bar per stage. */
function shapeOf({ funnel, coefficients }: Report): string {
  const counts = [funnel.sent.count, funnel.readers.count, funnel.relays.count, funnel.visits.count]
  const unit = band.height / Math.max(...counts, 1)
  const slices = counts.map((value) => centred(value * unit)) as [Slice, Slice, Slice, Slice]
  const fills = [colours.sent, colours.readers, colours.relays, colours.visits]
  return [
    ribbon(0, slices[0], slices[1], 'asked', 0.34),
    ribbon(1, slices[1], slices[2], 'read', 0.42),
    ...strandsOf(coefficients.virality.spread?.visitsPerRelay ?? [], slices[2], slices[3]),
    ...slices.map((slice, stage) => barOf(stage, slice, counts[stage] as number, fills[stage] as string)),
  ].join('\n')
}

/** One ribbon for all visits, and every second relay's strand over it, so that each shows against its neighbours. */
function strandsOf(visitsPerRelay: readonly number[], from: Slice, to: Slice): string[] {
  const relays = visitsPerRelay.length
  const total = visitsPerRelay.reduce((sum, visits) => sum + visits, 0)
  const strands = [ribbon(2, from, to, 'spread', 0.42)]
  let before = 0
  for (const [rank, visits] of visitsPerRelay.slice(0, mostStrands).entries()) {
    if (visits === 0) break
    const left = part(from, rank / relays, (rank + 1) / relays)
    const right = part(to, before / total, (before + visits) / total)
    if (rank % 2 === 0) strands.push(ribbon(2, left, right, 'spread', 0.62))
    before += visits
  }
  return strands
}

function ribbon(stage: 0 | 1 | 2, from: Slice, to: Slice, fill: string, opacity: number): string {
  const [x1, x2] = [stages[stage] + band.bar, stages[stage + 1] as number]
  const bend = (x1 + x2) / 2
  const [a, b, c, d] = [from.top, to.top, to.bottom, from.bottom].map(round)
  const path = `M${x1} ${a}C${bend} ${a} ${bend} ${b} ${x2} ${b}V${c}C${bend} ${c} ${bend} ${d} ${x1} ${d}Z`
  return `<path d="${path}" fill="url(#${fill})" opacity="${opacity}"/>`
}

/** A stage that nobody reached is a ring, not a bar of no height. */
function barOf(stage: number, { top, bottom }: Slice, value: number, fill: string): string {
  const x = stages[stage] as number
  if (value === 0) {
    return `<circle cx="${x + band.bar / 2}" cy="${band.middle}" r="6" fill="${colours.paper}" stroke="${fill}" stroke-width="2.5"/>`
  }
  const tall = bottom - top
  return `<rect x="${x}" y="${round(top)}" width="${band.bar}" height="${round(tall)}" rx="${round(Math.min(3, tall / 2))}" fill="${fill}"/>`
}

function stagesOf({ funnel }: Report, { labels }: FunnelCaptions, lang: Language): string {
  const numbers = [funnel.sent, funnel.readers, funnel.relays, funnel.visits].map((step) => count(lang, step.count))
  const size = numberSize(numbers.map((digits) => widthOf(digits, 1, 700)))
  return numbers
    .map((digits, stage) => {
      const anchor = stage === 0 ? 'start' : stage === 3 ? 'end' : 'middle'
      const x = stage === 0 ? margin : stage === 3 ? width - margin : (stages[stage] as number) + band.bar / 2
      return (
        text(x, 232, digits, { size, weight: 700, anchor }) +
        text(x, 258, labels[stage] as string, { size: 18, fill: colours.muted, anchor })
      )
    })
    .join('\n')
}

/** The largest size at which neighbours stay apart, from their widths at size one. */
function numberSize([first = 0, second = 0, third = 0, last = 0]: number[]): number {
  const apart = 24
  const [a, b, c, d] = stages
  return Math.min(
    40,
    (b - a - apart) / (first + second / 2),
    (c - b - apart) / ((second + third) / 2),
    (d - c - apart) / (third / 2 + last),
  )
}

/** Between the stages, what leads from one to the next. */
function ratesOf({ rates }: FunnelCaptions): string {
  const fills = [colours.sent, '#17705f', colours.visitsText]
  return rates
    .map(({ value, name, range, note }, gap) => {
      const x = ((stages[gap] as number) + (stages[gap + 1] as number) + band.bar) / 2
      return [
        text(x, 544, value, { size: gap === 0 ? 32 : 42, weight: 700, fill: fills[gap] as string, anchor: 'middle' }),
        text(x, 570, name, { size: 18, weight: 600, anchor: 'middle' }),
        text(x, 593, range, { size: 16, fill: colours.muted, anchor: 'middle' }),
        text(x, 614, note, { size: 16, fill: colours.muted, anchor: 'middle' }),
      ].join('')
    })
    .join('\n')
}

function footOf({ foot }: FunnelCaptions): string {
  return (
    `<line x1="${margin}" x2="${width - margin}" y1="632" y2="632" stroke="${colours.line}"/>` +
    text(margin, 656, foot, { size: 14, fill: colours.muted }) +
    text(width - margin, 656, 'Passalong', { size: 14, weight: 600, fill: colours.muted, anchor: 'end' })
  )
}

function text(x: number, y: number, content: string, { size, fill, weight, anchor }: TextStyle): string {
  if (!content) return ''
  const attributes = [
    `x="${round(x)}" y="${y}" font-size="${round(size)}" fill="${fill ?? colours.ink}"`,
    weight && `font-weight="${weight}"`,
    anchor && anchor !== 'start' && `text-anchor="${anchor}"`,
  ]
  return `<text ${attributes.filter(Boolean).join(' ')}>${escapeMarkup(content)}</text>`
}

function gradient(id: string, ...stops: string[]): string {
  const marks = stops.map((colour, index) => `<stop offset="${index / (stops.length - 1)}" stop-color="${colour}"/>`)
  return `<linearGradient id="${id}">${marks.join('')}</linearGradient>`
}

/** Thin is drawn at least 1.5 high, to be seen at all; nothing is drawn as nothing. */
function centred(tall: number): Slice {
  const half = tall === 0 ? 0 : Math.max(tall, 1.5) / 2
  return { top: band.middle - half, bottom: band.middle + half }
}

function part({ top, bottom }: Slice, start: number, end: number): Slice {
  return { top: top + (bottom - top) * start, bottom: top + (bottom - top) * end }
}

/** An estimate, on the wide side: the font is the viewer's. */
function widthOf(content: string, size: number, weight = 400): number {
  let ems = 0
  for (const character of content) ems += character > '\u2e80' ? 1 : /[A-ZÀ-Þ@%&mwMW—…]/.test(character) ? 0.76 : 0.58
  return ems * size * (weight > 400 ? 1.12 : 1)
}

function shorten(content: string, size: number, weight: number, room: number): string {
  if (widthOf(content, size, weight) <= room) return content
  let used = widthOf('…', size, weight)
  let kept = ''
  for (const { segment } of new Intl.Segmenter().segment(content)) {
    used += widthOf(segment, size, weight)
    if (used > room) break
    kept += segment
  }
  return `${kept.trimEnd()}…`
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}
