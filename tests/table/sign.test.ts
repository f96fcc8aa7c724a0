import aws4 from 'aws4'
import fc from 'fast-check'
import { afterEach, expect, test } from 'vitest'
import { createSigner } from '../../shared/table/sign.ts'

const before = { ...process.env }
afterEach(() => {
  for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN']) {
    if (before[name] === undefined) delete process.env[name]
    else process.env[name] = before[name]
  }
})

const word = fc.stringMatching(/^[A-Za-z0-9/+=]{1,40}$/)

test('every header is the one aws4 makes, whatever the body, credentials, region and day', () => {
  const request = fc.record({
    service: fc.constantFrom('dynamodb' as const, 'sqs' as const),
    body: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 300 }),
    target: fc.constantFrom('DynamoDB_20120810.PutItem', 'AmazonSQS.SendMessage'),
    host: fc.constantFrom('dynamodb.eu-west-3.amazonaws.com', '127.0.0.1:8000'),
    key: word,
    secret: word,
    session: fc.option(word, { nil: undefined }),
    region: fc.constantFrom('eu-west-3', 'us-east-1'),
    now: fc.date({ min: new Date('2020-01-01'), max: new Date('2040-01-01'), noInvalidDate: true }),
  })
  const signers = { 'eu-west-3': createSigner('eu-west-3'), 'us-east-1': createSigner('us-east-1') }
  fc.assert(
    fc.property(request, ({ service, body, target, host, key, secret, session, region, now }) => {
      Object.assign(process.env, { AWS_ACCESS_KEY_ID: key, AWS_SECRET_ACCESS_KEY: secret })
      if (session === undefined) delete process.env.AWS_SESSION_TOKEN
      else process.env.AWS_SESSION_TOKEN = session
      const raw = signers[region as keyof typeof signers]({ service, body, target, host }, now.getTime())
      const ours = Object.fromEntries(raw.flatMap((name, i) => (i % 2 === 0 ? [[name, raw[i + 1]]] : [])))
      const date = ours['x-amz-date']!
      const headers = { host, 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': target, 'x-amz-date': date }
      const theirs = aws4.sign({ service, region, method: 'POST', path: '/', headers, body }).headers!
      const lower = Object.fromEntries(
        Object.entries(theirs).map(([name, value]) => [name.toLowerCase(), String(value)]),
      )
      expect(ours).toEqual(lower)
    }),
  )
})
