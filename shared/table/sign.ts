/**
 * AWS Signature Version 4 for the one request signed by hand here: a POST of JSON to `/` of DynamoDB or SQS.
 *
 *     const sign = createSigner('eu-west-3')
 *     request({ headers: sign({ service: 'dynamodb', host, target, body }, Date.now()) })
 *
 * Source: AWS, "Create a signed AWS API request". A library signs any request, at 100 µs for a full hit block; this
 * one knows its headers in advance and keeps the day's key (docs/decisions/redirect-owns-its-wire.md). Tests hold it against aws4.
 */
import { createHmac, createSecretKey, hash, type KeyObject } from 'node:crypto'

export interface Unsigned {
  service: 'dynamodb' | 'sqs'
  host: string
  target: string
  body: string
}

/** Name, value, name, value, …: the form node:http writes out without looking at it again. */
export type RawHeaders = string[]

const contentType = 'application/x-amz-json-1.0'

const hmac = (key: string | Buffer | KeyObject, text: string): Buffer => createHmac('sha256', key).update(text).digest()

/** Reads the credentials from the environment at each call: Lambda rotates them there. */
export function createSigner(region: string) {
  const kept = new Map<string, { secret: string; day: string; key: KeyObject }>()

  function keyOf(service: string, secret: string, day: string): KeyObject {
    const known = kept.get(service)
    if (known?.day === day && known.secret === secret) return known.key
    // A key object is made once; a plain buffer would be made into one at each call, six times the cost of the hash.
    const key = createSecretKey(hmac(hmac(hmac(hmac(`AWS4${secret}`, day), region), service), 'aws4_request'))
    kept.set(service, { secret, day, key })
    return key
  }

  return function sign({ service, host, target, body }: Unsigned, nowWall: number): RawHeaders {
    const { AWS_ACCESS_KEY_ID = '', AWS_SECRET_ACCESS_KEY = '', AWS_SESSION_TOKEN: session } = process.env
    const time = `${new Date(nowWall).toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`
    const day = time.slice(0, 8)
    const length = String(Buffer.byteLength(body))
    const names = `content-length;content-type;host;x-amz-date;${session ? 'x-amz-security-token;' : ''}x-amz-target`
    const canonical =
      `POST\n/\n\ncontent-length:${length}\ncontent-type:${contentType}\nhost:${host}\nx-amz-date:${time}\n` +
      `${session ? `x-amz-security-token:${session}\n` : ''}x-amz-target:${target}\n\n${names}\n${hash('sha256', body)}`
    const scope = `${day}/${region}/${service}/aws4_request`
    const text = `AWS4-HMAC-SHA256\n${time}\n${scope}\n${hash('sha256', canonical)}`
    const signature = hmac(keyOf(service, AWS_SECRET_ACCESS_KEY, day), text).toString('hex')
    const authorization = `AWS4-HMAC-SHA256 Credential=${AWS_ACCESS_KEY_ID}/${scope}, SignedHeaders=${names}, Signature=${signature}`
    const headers = ['host', host, 'content-type', contentType, 'content-length', length, 'x-amz-date', time]
    headers.push('x-amz-target', target, 'authorization', authorization)
    if (session) headers.push('x-amz-security-token', session)
    return headers
  }
}
