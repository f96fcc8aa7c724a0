/**
 * Seals secrets (X tokens, the stop token's secret) with AES-256-GCM. What is sealed for one context, such as a
 * workspace and account, opens for no other.
 *
 *     const vault = createVault({ keyFile: '.passalong/vault.key' })
 *     const sealed = await vault.seal(token, { ws, acc })
 *
 * A sealed text reads `v1.local.<nonce>.<ciphertext and tag>`, or `v1.kms.<wrapped key>.<nonce>.<ciphertext and tag>`
 * where KMS made a key for this text alone; the parts are base64url.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Fault } from '../fault.ts'

export type VaultContext = Record<string, string>

export interface Vault {
  seal(plaintext: string, context: VaultContext): Promise<string>
  open(sealed: string, context: VaultContext): Promise<string>
}

export type VaultOptions = { keyFile: string } | { keyId: string; region: string }

export function createVault(options: VaultOptions): Vault {
  return 'keyFile' in options ? localVault(options.keyFile) : kmsVault(options.keyId, options.region)
}

const keyBytes = 32
const nonceBytes = 12
const tagBytes = 16

function localVault(keyFile: string): Vault {
  const key = keyOf(keyFile)
  return {
    seal: async (plaintext, context) => `v1.local.${encrypt(key, plaintext, context)}`,
    open: async (sealed, context) => {
      const [nonce, box] = partsOf(sealed, 'v1.local.', 2)
      return decrypt(key, nonce!, box!, context)
    },
  }
}

/** The key file is made whole under another name and linked into place, so two first starts end with one key. */
function keyOf(keyFile: string): Buffer {
  const draft = `${keyFile}.${randomBytes(6).toString('hex')}`
  let key = readIfThere(keyFile)
  if (!key) {
    writeFileSync(draft, randomBytes(keyBytes), { flag: 'wx', mode: 0o600, flush: true })
    try {
      linkSync(draft, keyFile)
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error
    } finally {
      rmSync(draft)
    }
    key = readFileSync(keyFile)
  }
  if (key.length !== keyBytes) {
    throw new Error(`${keyFile} holds ${key.length} bytes; a vault key has ${keyBytes}. Put the right file back.`)
  }
  return key
}

function readIfThere(file: string): Buffer | undefined {
  try {
    return readFileSync(file)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code

function kmsVault(keyId: string, region: string): Vault {
  // Loaded on first use: functions without a secret at hand do not pay for it.
  const kms = lazy(async () => {
    const { DecryptCommand, GenerateDataKeyCommand, KMSClient } = await import('@aws-sdk/client-kms')
    return { client: new KMSClient({ region }), DecryptCommand, GenerateDataKeyCommand }
  })
  return {
    seal: async (plaintext, context) => {
      const { client, GenerateDataKeyCommand } = await kms()
      const made = await client.send(
        new GenerateDataKeyCommand({ KeyId: keyId, KeySpec: 'AES_256', EncryptionContext: context }),
      )
      const wrapped = Buffer.from(made.CiphertextBlob!).toString('base64url')
      return `v1.kms.${wrapped}.${encrypt(made.Plaintext!, plaintext, context)}`
    },
    open: async (sealed, context) => {
      const [wrapped, nonce, box] = partsOf(sealed, 'v1.kms.', 3)
      const { client, DecryptCommand } = await kms()
      const command = new DecryptCommand({ KeyId: keyId, CiphertextBlob: wrapped!, EncryptionContext: context })
      const { Plaintext: key } = await client.send(command).catch((error: Error) => {
        throw error.name === 'InvalidCiphertextException' ? cannotOpen() : error
      })
      return decrypt(key!, nonce!, box!, context)
    },
  }
}

function lazy<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => {
    made ??= make()
    return made
  }
}

/** The same context gives the same bytes, in whatever order it was written. */
function associatedData(context: VaultContext): Buffer {
  const sorted = Object.keys(context).sort()
  return Buffer.from(JSON.stringify(Object.fromEntries(sorted.map((name) => [name, context[name]]))))
}

function encrypt(key: Uint8Array, plaintext: string, context: VaultContext): string {
  const nonce = randomBytes(nonceBytes)
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(associatedData(context))
  const box = Buffer.concat([cipher.update(plaintext, 'utf8'), cipher.final(), cipher.getAuthTag()])
  return `${nonce.toString('base64url')}.${box.toString('base64url')}`
}

function decrypt(key: Uint8Array, nonce: Buffer, box: Buffer, context: VaultContext): string {
  if (nonce.length !== nonceBytes || box.length < tagBytes) throw cannotOpen()
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes })
  decipher.setAAD(associatedData(context)).setAuthTag(box.subarray(-tagBytes))
  try {
    return Buffer.concat([decipher.update(box.subarray(0, -tagBytes)), decipher.final()]).toString('utf8')
  } catch {
    throw cannotOpen()
  }
}

function partsOf(sealed: string, prefix: string, count: number): Buffer[] {
  const parts = sealed.startsWith(prefix) ? sealed.slice(prefix.length).split('.') : []
  if (parts.length !== count) throw new Fault('internal', `This is no text sealed as ${prefix}… by this vault.`)
  return parts.map((part) => Buffer.from(part, 'base64url'))
}

function cannotOpen(): Fault {
  return new Fault('internal', 'A sealed secret does not open: another key or context sealed it, or it was changed.')
}
