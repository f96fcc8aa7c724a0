/** The last line of a run counts it, and `.ci/run` passes that line on with an exit code that agrees. */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

let project: string

beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), 'passalong-count-'))
})
afterEach(() => rmSync(project, { recursive: true, force: true }))

/** Exit code and last line of a command run in the small project. */
function run(command: string, ...args: string[]): { status: number | null; last: string | undefined } {
  const { status, stdout } = spawnSync(command, args, { cwd: project, encoding: 'utf8' })
  return { status, last: stdout.trimEnd().split('\n').at(-1) }
}

function countedRun(files: Record<string, string>) {
  symlinkSync(resolve('node_modules'), join(project, 'node_modules'))
  cpSync('scripts/count-reporter.ts', join(project, 'count-reporter.ts'))
  for (const [file, code] of Object.entries(files)) {
    writeFileSync(join(project, file), `import { test } from 'vitest'\n${code}`)
  }
  return run('node_modules/.bin/vitest', 'run', '--reporter=default', '--reporter=./count-reporter.ts')
}

test('passing and failing tests are counted', () => {
  const code = "test('a', () => {})\ntest('b', () => {})\ntest('c', () => { throw new Error('no') })\ntest.skip('d')"
  expect(countedRun({ 'some.test.ts': code })).toEqual({ status: 1, last: '2 passed, 1 failed' })
})

test('a file that cannot be loaded, and a rejection nobody awaits, are failures', () => {
  const files = {
    'broken.test.ts': "throw new Error('at load')",
    'stray.test.ts': "test('a', () => { void Promise.reject(new Error('stray')) })",
  }
  expect(countedRun(files)).toEqual({ status: 1, last: '1 passed, 2 failed' })
})

function ciRun(testScript: string) {
  mkdirSync(join(project, '.ci'))
  cpSync('.ci/run', join(project, '.ci/run'))
  const manifest = { name: 'small', version: '1.0.0' }
  writeFileSync(join(project, 'package.json'), JSON.stringify({ ...manifest, scripts: { test: testScript } }))
  const lock = { ...manifest, lockfileVersion: 3, packages: { '': manifest } }
  writeFileSync(join(project, 'package-lock.json'), JSON.stringify(lock))
  return run('.ci/run')
}

test.each([
  ['echo 3 passed, 0 failed', 0, '3 passed, 0 failed'],
  ['echo 3 passed, 2 failed; exit 1', 1, '3 passed, 2 failed'],
  ['echo 3 passed, 2 failed', 1, '3 passed, 2 failed'],
  ['echo 3 passed, 0 failed; exit 1', 1, '3 passed, 1 failed'],
  ['echo types are wrong; exit 2', 1, '0 passed, 1 failed'],
  ['echo 0 passed, 0 failed', 1, '0 passed, 0 failed'],
  ['true', 1, '0 passed, 0 failed'],
])('.ci/run after `%s` exits %i with `%s`', (script, status, last) => {
  expect(ciRun(script)).toEqual({ status, last })
})
