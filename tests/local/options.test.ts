/** What the environment becomes, and the sentence each wrong value is answered with. */
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { StartError } from '../../local/dynamo.ts'
import { prepareFolder, readOptions } from '../../local/options.ts'

const folder = mkdtempSync(join(tmpdir(), 'passalong-options-'))

afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** The words of the start error that `work` ends with. */
function refusalOf(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    expect(error).toBeInstanceOf(StartError)
    return (error as StartError).message
  }
  throw new Error('it was accepted')
}

describe('options', () => {
  const unset = {
    dataDir: resolve('.passalong'),
    port: 3000,
    publicUrl: undefined,
    trustProxy: 0,
    dynamodbEndpoint: undefined,
    timeScale: 1,
    xApiUrl: undefined,
    credentials: undefined,
    rollup: true,
  }

  test('have defaults, for a variable that is set to nothing too', () => {
    expect(readOptions({})).toEqual(unset)
    const names = ['DATA_DIR', 'PORT', 'PUBLIC_URL', 'TRUST_PROXY', 'DYNAMODB_ENDPOINT', 'TIME_SCALE', 'X_API_URL']
    const secrets = ['X_CLIENT_ID', 'X_CLIENT_SECRET', 'X_REFRESH_TOKEN', 'ROLLUP']
    expect(readOptions(Object.fromEntries([...names, ...secrets].map((name) => [name, ''])))).toEqual(unset)
  })

  test('are read from the environment', () => {
    const given = {
      DATA_DIR: '/srv/pass',
      PORT: '8080',
      PUBLIC_URL: 'https://Pass.example.org/',
      TRUST_PROXY: '2',
      DYNAMODB_ENDPOINT: 'http://127.0.0.1:8000/',
      X_CLIENT_ID: 'id',
      X_REFRESH_TOKEN: 'token',
      ROLLUP: 'off',
    }
    expect(readOptions(given)).toEqual({
      ...unset,
      dataDir: '/srv/pass',
      port: 8080,
      publicUrl: 'https://pass.example.org',
      trustProxy: 2,
      dynamodbEndpoint: 'http://127.0.0.1:8000',
      credentials: { clientId: 'id', clientSecret: undefined, refreshToken: 'token' },
      rollup: false,
    })
    const scaled = readOptions({ TIME_SCALE: '7200', X_API_URL: 'http://127.0.0.1:4100', DATA_DIR: 'here' })
    expect(scaled).toMatchObject({ timeScale: 7200, xApiUrl: 'http://127.0.0.1:4100', dataDir: resolve('here') })
  })

  test.each([
    ['PORT', 'http', 'a whole number from 0 to 65535'],
    ['PORT', '65536', 'a whole number from 0 to 65535'],
    ['PORT', '-1', 'a whole number from 0 to 65535'],
    ['PORT', '80.5', 'a whole number from 0 to 65535'],
    ['TRUST_PROXY', 'true', 'a whole number from 0 to 10'],
    ['TRUST_PROXY', '11', 'a whole number from 0 to 10'],
    ['TIME_SCALE', 'fast', 'a number from 1 to 1000000'],
    ['TIME_SCALE', '0', 'a number from 1 to 1000000'],
    ['TIME_SCALE', '0.5', 'a number from 1 to 1000000'],
    ['TIME_SCALE', '-60', 'a number from 1 to 1000000'],
    ['TIME_SCALE', 'NaN', 'a number from 1 to 1000000'],
    ['TIME_SCALE', 'Infinity', 'a number from 1 to 1000000'],
    ['PUBLIC_URL', 'pass.example.org', 'an http or https address'],
    ['PUBLIC_URL', 'ftp://pass.example.org', 'an http or https address'],
    ['PUBLIC_URL', 'https://', 'an http or https address'],
    ['PUBLIC_URL', 'https://example.org/pass', 'only scheme, host and port, like https://example.org'],
    ['PUBLIC_URL', 'https://example.org/?a=1', 'only scheme, host and port, like https://example.org'],
    ['PUBLIC_URL', 'https://me:secret@example.org', 'only scheme, host and port, like https://example.org'],
    ['DYNAMODB_ENDPOINT', '127.0.0.1:8000', 'an http or https address'],
    ['X_API_URL', 'sandbox', 'an http or https address'],
  ])('%s=%s is refused with what would be right', (name, value, right) => {
    const words = refusalOf(() => readOptions({ [name]: value }))
    expect(words.startsWith(`${name}=${value}: `)).toBe(true)
    expect(words).toContain(right)
  })

  test.each([
    { X_CLIENT_ID: 'id' },
    { X_REFRESH_TOKEN: 'token' },
    { X_CLIENT_SECRET: 'secret' },
    { X_CLIENT_ID: 'id', X_CLIENT_SECRET: 'secret' },
    { X_CLIENT_SECRET: 'secret', X_REFRESH_TOKEN: 'token' },
    { X_CLIENT_ID: 'id', X_REFRESH_TOKEN: '' },
  ])('half of the credentials are refused, without telling them: %j', (given) => {
    const words = refusalOf(() => readOptions(given))
    expect(words).toContain('both X_CLIENT_ID and X_REFRESH_TOKEN')
    expect(words).not.toMatch(/secret$|\btoken\b/)
  })

  test('the real X keeps real time', () => {
    const given = { X_CLIENT_ID: 'id', X_REFRESH_TOKEN: 'token', TIME_SCALE: '60' }
    expect(refusalOf(() => readOptions(given))).toContain('TIME_SCALE is for sandbox X')
  })
})

describe('the data folder', () => {
  test('is made, with the folders above it, for its owner alone', () => {
    const dataDir = join(folder, 'a', 'b')
    prepareFolder(dataDir)
    prepareFolder(dataDir)
    expect(statSync(dataDir).mode & 0o777).toBe(0o700)
  })

  test('that is a file, or below one, is refused with another way', () => {
    const file = join(folder, 'file')
    writeFileSync(file, '')
    for (const dataDir of [file, join(file, 'below')]) {
      const words = refusalOf(() => prepareFolder(dataDir))
      expect(words).toContain(`The data folder ${dataDir} cannot be written`)
      expect(words).toContain('DATA_DIR=/path/to/a/folder npm start')
    }
  })

  test.skipIf(process.getuid?.() === 0)('that may not be written is refused', () => {
    const dataDir = join(folder, 'read-only')
    prepareFolder(dataDir)
    chmodSync(dataDir, 0o500)
    expect(refusalOf(() => prepareFolder(dataDir))).toContain('cannot be written (EACCES)')
    expect(refusalOf(() => prepareFolder(join(dataDir, 'below')))).toContain('cannot be written (EACCES)')
    expect(existsSync(join(dataDir, 'below'))).toBe(false)
  })
})
