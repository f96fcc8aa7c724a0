/** docs/architecture.md shows the topology as it is, and the check notices when it does not. */
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { functions, queues, tables } from '../../shared/topology.ts'

let copy: string
const document = () => join(copy, 'docs/architecture.md')
const check = () => spawnSync(process.execPath, ['scripts/diagram.ts', '--check'], { cwd: copy, encoding: 'utf8' })

beforeEach(() => {
  copy = mkdtempSync(join(tmpdir(), 'passalong-diagram-'))
  for (const path of ['package.json', 'shared/topology.ts', 'scripts/diagram.ts', 'docs/architecture.md']) {
    mkdirSync(join(copy, path, '..'), { recursive: true })
    cpSync(path, join(copy, path))
  }
})
afterEach(() => rmSync(copy, { recursive: true, force: true }))

test('the diagram is up to date and names everything', () => {
  expect(check()).toMatchObject({ status: 0, stderr: '' })
  const drawn = readFileSync(document(), 'utf8')
  for (const name of Object.keys({ ...tables, ...queues })) expect(drawn).toMatch(new RegExp(`^  ${name}[[{]`, 'm'))
  for (const name of Object.keys(functions)) expect(drawn).toContain(`${name}_fn["${name}"]`)
})

test('a topology that moved on is noticed, and drawing again settles it', () => {
  const topology = join(copy, 'shared/topology.ts')
  writeFileSync(topology, readFileSync(topology, 'utf8').replace("'ANY /{slug}'", "'ANY /elsewhere/{slug}'"))
  expect(check()).toMatchObject({ status: 1, stderr: expect.stringContaining('node scripts/diagram.ts') })
  execFileSync(process.execPath, ['scripts/diagram.ts'], { cwd: copy })
  expect(check().status).toBe(0)
  expect(readFileSync(document(), 'utf8')).toContain('ANY /elsewhere/{slug}')
})

test('a document without its markers is left alone', () => {
  writeFileSync(document(), '# Architecture\n')
  expect(check()).toMatchObject({ status: 1, stderr: expect.stringContaining('has lost its markers') })
})
