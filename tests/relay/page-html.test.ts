import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { RelayChannel } from '../../shared/facts.ts'
import {
  gonePage,
  homePage,
  notFoundPage,
  notThisTimePage,
  passItOnPage,
  pressedPage,
  relayPage,
  stopPage,
  styleHash,
} from '../../shared/relay/page-html.ts'
import { pageStyle } from '../../shared/relay/page-style.ts'

const channels: RelayChannel[] = ['x', 'x_repost', 'bluesky', 'linkedin', 'whatsapp', 'email', 'copy']

/** Every page, with the same words from outside put wherever a page takes some. */
function pagesWith(lang: 'fr' | 'en', outside: string, destination = 'https://carnets.example.org/abeilles?a=1&b=2') {
  const ask = { lang, sender: outside, message: outside, destination, slug: outside, channels, error: outside }
  return {
    relay: relayPage({ ...ask, stopHref: outside }),
    passItOn: passItOnPage(ask),
    pressed: pressedPage({
      lang,
      sender: outside,
      relayUrl: outside,
      channel: 'x',
      intentHref: outside,
      text: outside,
      visits: 3,
      more: { place: '/p/', slug: outside, channels, stopHref: outside, operator: true },
    }),
    notThisTime: notThisTimePage({ lang, sender: outside }),
    stop: stopPage({ lang, sender: outside, token: outside, done: false }),
    stopped: stopPage({ lang, sender: outside, token: outside, done: true }),
    notFound: notFoundPage({ lang }),
    gone: gonePage({ lang }),
    home: homePage({ lang, publicUrl: outside }),
  }
}

const plain = (html: string) => html.replaceAll('\u202f', ' ')

test('the relay page says who asks, where it leads and what is counted, in the words of the product', () => {
  const { relay } = pagesWith('fr', 'Camille')
  expect(relay).toContain('<h1>Camille</h1>')
  expect(relay).toContain('<strong>carnets.example.org</strong>')
  expect(relay).toContain('href="https://carnets.example.org/abeilles?a=1&amp;b=2"')
  for (const words of [
    'Relayer sur X (texte modifiable avant publication)',
    'Pas cette fois',
    'Ne plus me solliciter',
    'Nous comptons les ouvertures et les visites, sans cookie ; l’adresse IP n’est pas conservée.',
  ]) {
    expect(plain(relay)).toContain(words)
  }
  expect(pagesWith('en', 'Camille').relay).toContain('Don&#39;t ask me again')
})

test('every channel is a button that posts, together with the text', () => {
  const { relay, passItOn } = pagesWith('en', 'abc')
  const pressed = [...relay.matchAll(/<button[^>]* name="channel" value="(\w+)"/g)].map((match) => match[1])
  expect(pressed).toEqual([...channels, 'not_this_time'])
  expect(relay).toContain('<form method="post" action="/p/abc">')
  expect(passItOn).toContain('<form method="post" action="/via/abc">')
  expect(passItOn).not.toContain('not_this_time')
  expect(relay).toMatch(/<textarea[^>]* name="text"[^>]*>\nabc<\/textarea>/)
  for (const channel of channels) expect(relay).not.toMatch(new RegExp(`<a[^>]*${channel}_`))
})

test('stopping takes a press', () => {
  const { stop, stopped } = pagesWith('en', 'tok')
  expect(stop).toContain('<form method="post" action="/stop/tok">')
  expect(stopped).not.toContain('<form')
})

test('after a press: the link, the way on, the visits so far', () => {
  const more = { place: '/p/' as const, slug: 'ab.c', channels, stopHref: '/stop/x' }
  const page = { lang: 'fr' as const, sender: 'Camille', relayUrl: 'https://pass.example.org/k7', text: 'À lire', more }
  const copied = pressedPage({ ...page, channel: 'copy', visits: 0 })
  expect(copied).toContain('<p class="copy">https://pass.example.org/k7</p>')
  expect(copied).not.toContain('class="go main')
  expect(copied).toContain('<form method="post" action="/p/ab.c">')
  expect(copied).toContain('value="whatsapp"')
  expect(copied).toContain('href="/stop/x"')
  const posted = pressedPage({
    ...page,
    channel: 'x',
    intentHref: 'https://x.com/intent/tweet?text=a&url=b',
    visits: 2,
  })
  expect(posted).toContain('href="https://x.com/intent/tweet?text=a&amp;url=b"')
  expect(posted).toContain('Votre relais a amené 2 visites.')
  expect(pressedPage({ ...page, channel: 'x', visits: 1 })).toContain('1 visite.')
})

test('an operator’s own press says so too', () => {
  const { relay } = pagesWith('fr', 'abc')
  expect(relay).toContain('action="/p/abc"')
  const ask = {
    lang: 'fr' as const,
    sender: 'S',
    message: 'm',
    destination: 'https://example.org/',
    slug: 'abc',
    channels,
  }
  expect(relayPage({ ...ask, operator: true })).toContain('action="/p/abc?pa_me=1"')
})

test('a destination that is not a web page is not linked', () => {
  expect(pagesWith('en', 'abc', 'javascript:alert(1)').relay).not.toContain('javascript:')
})

test('under 15 kB each, no script, no inline style but the hashed one', () => {
  for (const page of Object.values(pagesWith('fr', 'é'.repeat(280)))) {
    expect(Buffer.byteLength(page)).toBeLessThan(15_000)
    expect(page).not.toMatch(/<script|style="| on\w+=/)
    const style = /<style>(.*)<\/style>/s.exec(page)?.[1] ?? ''
    expect(`'sha256-${createHash('sha256').update(style).digest('base64')}'`).toBe(styleHash)
  }
})

test('nothing from outside becomes markup', () => {
  const shape = (html: string) => html.match(/<[^>]*>/g)?.map((tag) => tag.replace(/"[^"]*"/g, '""'))
  const harmless = pagesWith('fr', 'x')
  fc.assert(
    fc.property(fc.string({ unit: 'binary', minLength: 1 }), (text) => {
      const hostile = pagesWith('fr', `x${text}<b onclick="x">'>&`)
      for (const [name, page] of Object.entries(hostile)) {
        expect(shape(page)).toEqual(shape(harmless[name as keyof typeof harmless]))
      }
    }),
  )
})

describe('contrast is at least 4.5 for text, in light and dark', () => {
  const themes = [...pageStyle.matchAll(/:root\{([^}]*)\}/g)].map((match) =>
    Object.fromEntries([...match[1]!.matchAll(/--(\w+):(#\w+)/g)].map(([, name, value]) => [name, value!])),
  )
  const luminance = (hex: string) => {
    const full = hex.length === 4 ? hex.replace(/\w/g, '$&$&') : hex
    const [r, g, b] = [1, 3, 5].map((start) => {
      const channel = Number.parseInt(full.slice(start, start + 2), 16) / 255
      return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!
  }
  const pairs = ['ink paper', 'ink card', 'ink soft', 'muted paper', 'muted card', 'act card', 'on act', 'bad paper']
  test.each(
    themes.flatMap((theme, index) => pairs.map((pair) => [index === 0 ? 'light' : 'dark', pair, theme] as const)),
  )('%s: %s', (_, pair, theme) => {
    const [dark, light] = pair
      .split(' ')
      .map((name) => luminance(theme[name]!))
      .sort((a, b) => a - b)
    expect((light! + 0.05) / (dark! + 0.05)).toBeGreaterThanOrEqual(4.5)
  })
})
