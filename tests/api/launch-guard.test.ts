import { describe, expect, test } from 'vitest'
import { checkLaunch } from '../../shared/broadcast/launch-guard.ts'

const real = 'https://api.x.com'

describe('against the real X', () => {
  test.each([
    'https://go.passalong.dev',
    'https://go.passalong.dev:8443/base',
    'https://localhost.passalong.dev',
    'https://8.8.8.8',
    'https://172.32.0.1',
    'https://100.128.0.1',
    'https://[2a01:e0a::1]',
  ])('%s may launch', (publicUrl) => {
    expect(checkLaunch({ publicUrl, xApiUrl: real })).toEqual({ ok: true })
  })

  test.each([
    'http://go.passalong.dev',
    'https://localhost',
    'https://app.localhost:3000',
    'https://127.0.0.1',
    'https://127.8.9.1',
    'https://2130706433',
    'https://0.0.0.0',
    'https://10.1.2.3',
    'https://172.16.0.1',
    'https://172.31.255.255',
    'https://192.168.1.20',
    'https://169.254.169.254',
    'https://100.64.0.1',
    'https://[::1]',
    'https://[::]',
    'https://[fe80::1]',
    'https://[fd12:3456::1]',
    'https://[::ffff:10.0.0.1]',
    'https://studio.local',
    'https://studio.local.',
    'https://nas.lan',
    'https://box.home.arpa',
    'https://svc.internal',
    'https://studio',
  ])('%s may not, and the answer says what to set', (publicUrl) => {
    const check = checkLaunch({ publicUrl, xApiUrl: real })
    expect(check).toMatchObject({ ok: false, detail: expect.stringContaining('Set PUBLIC_URL to the https://') })
  })
})

test.each(['http://127.0.0.1:4010', 'http://localhost:4010', 'http://[::1]:4010'])(
  'against sandbox X at %s anything may be tried',
  (xApiUrl) => expect(checkLaunch({ publicUrl: 'http://127.0.0.1:3000', xApiUrl })).toEqual({ ok: true }),
)

test.each(['https://api.x.com', 'http://127.0.0.1.evil.example', 'http://10.0.0.5:4010', 'http://sandbox:4010'])(
  '%s is no sandbox',
  (xApiUrl) => expect(checkLaunch({ publicUrl: 'http://127.0.0.1:3000', xApiUrl }).ok).toBe(false),
)
