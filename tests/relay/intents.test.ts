import { expect, test } from 'vitest'
import { intentHref } from '../../shared/relay/intents.ts'

const intent = {
  text: 'À lire & partager : 100 %',
  url: 'https://pass.example.org/k7Qm2ZpX9v',
  sender: 'Camille Artois',
}
const fields = (href: string | undefined) => Object.fromEntries(new URL(href!).searchParams)

test('each channel has the address it documents, with text and link intact', () => {
  const whole = `${intent.text} ${intent.url}`
  expect(intentHref('x', intent)).toMatch(/^https:\/\/x\.com\/intent\/tweet\?/)
  expect(fields(intentHref('x', intent))).toEqual({ text: intent.text, url: intent.url })
  expect(intentHref('x_repost', { ...intent, postId: '1850' })).toBe('https://x.com/intent/retweet?tweet_id=1850')
  expect(intentHref('bluesky', intent)).toMatch(/^https:\/\/bsky\.app\/intent\/compose\?/)
  expect(fields(intentHref('bluesky', intent))).toEqual({ text: whole })
  expect(intentHref('linkedin', intent)).toMatch(/^https:\/\/www\.linkedin\.com\/sharing\/share-offsite\/\?/)
  expect(fields(intentHref('linkedin', intent))).toEqual({ url: intent.url })
  expect(intentHref('whatsapp', intent)).toMatch(/^https:\/\/wa\.me\/\?/)
  expect(fields(intentHref('whatsapp', intent))).toEqual({ text: whole })
  expect(intentHref('email', intent)).toMatch(/^mailto:\?subject=Camille%20Artois&body=/)
  expect(fields(intentHref('email', intent)).body).toBe(`${intent.text}\r\n\r\n${intent.url}`)
})

test('copying opens nothing, nor does reposting without a post', () => {
  expect(intentHref('copy', intent)).toBeUndefined()
  expect(intentHref('x_repost', intent)).toBeUndefined()
})
