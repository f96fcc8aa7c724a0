import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createVault } from '../../shared/ports/vault.ts'

const folder = mkdtempSync(join(tmpdir(), 'vault-'))
afterAll(() => rmSync(folder, { recursive: true }))
const context = { ws: 'ws_1', acc: 'acc_1' }

describe('with a key file', () => {
  const keyFile = join(folder, 'vault.key')
  const vault = createVault({ keyFile })

  it('makes the key once, for its owner only, and leaves nothing beside it', async () => {
    expect(statSync(keyFile).size).toBe(32)
    expect(statSync(keyFile).mode & 0o777).toBe(0o600)
    expect(readdirSync(folder)).toEqual(['vault.key'])
    const sealed = await vault.seal('token', context)
    expect(await createVault({ keyFile }).open(sealed, context)).toBe('token')
  })

  it('opens what it sealed, whatever the text and the order of the context', async () => {
    const names = fc.dictionary(fc.string(), fc.string())
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme' }), names, async (text, given) => {
        const reversed = Object.fromEntries(Object.entries(given).reverse())
        expect(await vault.open(await vault.seal(text, given), reversed)).toBe(text)
      }),
    )
  })

  it('never seals the same way twice, and shows nothing of the text', async () => {
    const [first, second] = [await vault.seal('secret', context), await vault.seal('secret', context)]
    expect(first).not.toBe(second)
    expect(first).toMatch(/^v1\.local\.[\w-]{16}\.[\w-]+$/)
    expect(Buffer.from(first.split('.')[3]!, 'base64url').includes('secret')).toBe(false)
  })

  it.each([
    ['another account', { ws: 'ws_1', acc: 'acc_2' }],
    ['another workspace', { ws: 'ws_2', acc: 'acc_1' }],
    ['no context', {}],
    ['a longer context', { ...context, more: '' }],
    ['names and values that only read alike', { ws: 'ws_1","acc":"acc_1' }],
  ])('does not open for %s', async (_, other) => {
    await expect(vault.open(await vault.seal('token', context), other)).rejects.toThrow('does not open')
  })

  it('does not open once a single bit is changed', async () => {
    const [version, scheme, nonce, box] = (await vault.seal('token', context)).split('.')
    const bytes = Buffer.from(box!, 'base64url')
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = Buffer.from(bytes)
      changed[bit >> 3]! ^= 1 << (bit & 7)
      const sealed = [version, scheme, nonce, changed.toString('base64url')].join('.')
      await expect(vault.open(sealed, context)).rejects.toThrow('does not open')
    }
  })

  it.each(['', 'v1.local', 'v1.local.AAAA', 'v1.local.AAAA.AAAA', 'v2.local.AAAA.AAAA', 'v1.kms.AAAA.AAAA.AAAA'])(
    'says that %j is not its own',
    async (text) => {
      await expect(vault.open(text, context)).rejects.toThrow(/no text sealed|does not open/)
    },
  )

  it('refuses a key file of the wrong size, and leaves it as it is', () => {
    const broken = join(folder, 'broken.key')
    writeFileSync(broken, 'short')
    expect(() => createVault({ keyFile: broken })).toThrow(/holds 5 bytes/)
    expect(readFileSync(broken, 'utf8')).toBe('short')
  })

  it('ends with one key when several processes start at once', async () => {
    const shared = join(folder, 'shared.key')
    const script = `
      import { createVault } from './shared/ports/vault.ts'
      process.stdout.write(await createVault({ keyFile: process.argv[1] }).seal('x', {}))`
    const args = ['--input-type=module', '-e', script, shared]
    const runs = await Promise.all([1, 2, 3, 4].map(() => promisify(execFile)(process.execPath, args)))
    const mine = createVault({ keyFile: shared })
    for (const { stdout } of runs) expect(await mine.open(stdout, {})).toBe('x')
  })
})

/** The two KMS actions as they look on the wire, so that the real client can be heard. */
describe('with KMS', () => {
  const asked: { action: string; body: Record<string, unknown> }[] = []
  const key = Buffer.alloc(32, 7)
  const server = createServer(async (req, res) => {
    let text = ''
    for await (const chunk of req) text += chunk
    const body = JSON.parse(text)
    const action = String(req.headers['x-amz-target']).split('.')[1]!
    asked.push({ action, body })
    const bound = Buffer.from(JSON.stringify(body.EncryptionContext)).toString('base64')
    const refused = action === 'Decrypt' && body.CiphertextBlob !== bound
    res.writeHead(refused ? 400 : 200, { 'content-type': 'application/x-amz-json-1.1' })
    const made = { KeyId: body.KeyId, Plaintext: key.toString('base64'), CiphertextBlob: bound }
    res.end(JSON.stringify(refused ? { __type: 'InvalidCiphertextException' } : made))
  })
  beforeAll(async () => {
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    process.env.AWS_ENDPOINT_URL_KMS = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    process.env.AWS_ACCESS_KEY_ID = 'test'
    process.env.AWS_SECRET_ACCESS_KEY = 'test'
  })
  afterAll(async () => {
    server.closeAllConnections()
    await new Promise((closed) => server.close(closed))
  })

  it('asks for a key bound to the context, and keeps it out of what it returns', async () => {
    const vault = createVault({ keyId: 'alias/passalong', region: 'eu-west-3' })
    const sealed = await vault.seal('token', context)
    expect(sealed).toMatch(/^v1\.kms\.[\w-]+\.[\w-]{16}\.[\w-]+$/)
    for (const part of sealed.split('.')) expect(Buffer.from(part, 'base64url').includes(key)).toBe(false)
    expect(await vault.open(sealed, context)).toBe('token')
    expect(asked).toMatchObject([
      { action: 'GenerateDataKey', body: { KeyId: 'alias/passalong', KeySpec: 'AES_256', EncryptionContext: context } },
      { action: 'Decrypt', body: { KeyId: 'alias/passalong', EncryptionContext: context } },
    ])
    await expect(vault.open(sealed, { ws: 'ws_2', acc: 'acc_1' })).rejects.toThrow('does not open')
  })
})
