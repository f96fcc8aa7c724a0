/** The dependency rules of docs/architecture.md, held against every import in the tree. Each rule is shown to fire. */
import { globSync, readFileSync } from 'node:fs'
import { dirname, posix } from 'node:path'
import { describe, expect, test } from 'vitest'
import packageJson from '../package.json' with { type: 'json' }

/** Path from the root → source. */
type Files = Record<string, string>

interface Import {
  from: string
  /** A path from the root, or a package as written. */
  to: string
  /** Erased before anything runs. */
  typeOnly: boolean
}

interface Rule {
  name: string
  violations: (files: Files) => string[]
  /** Small trees that break the rule, and trees that come close and are right. */
  breaking: Files[]
  keeping?: Files[]
}

const statement = /^[ \t]*(import|export)\s+(type\s)?(?:[^'"`;]*?\sfrom\s+|)['"]([^'"]+)['"]/gm
const expression = /\b(?:import|require)\(\s*['"]([^'"]+)['"]/g

function importsOf(from: string, source: string): Import[] {
  const resolve = (to: string): string => (to.startsWith('.') ? posix.join(dirname(from), to) : to)
  const code = withoutComments(source)
  return [
    ...[...code.matchAll(statement)].map(([, , type, to]) => ({ from, to: resolve(to!), typeOnly: Boolean(type) })),
    ...[...code.matchAll(expression)].map(([, to]) => ({ from, to: resolve(to!), typeOnly: false })),
  ]
}

const withoutComments = (source: string): string => source.replace(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm, '')

/** Breaks on each import for which `forbidden` holds. */
function imports(forbidden: (each: Import) => boolean): Rule['violations'] {
  return (files) => {
    const all = Object.entries(files).flatMap(([file, source]) => importsOf(file, source))
    return all.filter(forbidden).map(({ from, to }) => `${from} imports ${to}`)
  }
}

/** Breaks on each file of `where` whose code matches. */
function text(where: (file: string) => boolean, forbidden: RegExp): Rule['violations'] {
  return (files) =>
    Object.entries(files)
      .filter(([file, source]) => where(file) && forbidden.test(withoutComments(source)))
      .map(([file, source]) => `${file} says ${withoutComments(source).match(forbidden)![0]}`)
}

/** Every import that loads when `entry` does, through any number of files. */
function closureOf(entry: string, files: Files): Import[] {
  const seen = new Set([entry])
  const found: Import[] = []
  for (const file of seen) {
    for (const each of importsOf(file, files[file] ?? '').filter(({ typeOnly }) => !typeOnly)) {
      found.push(each)
      if (each.to in files) seen.add(each.to)
    }
  }
  return found
}

const within = (file: string, ...folders: string[]): boolean => folders.some((folder) => file.startsWith(`${folder}/`))
const outside = (file: string, ...folders: string[]): boolean => !within(file, ...folders)
const isPath = (to: string): boolean => /\.(ts|json)$/.test(to)
const packageOf = (to: string): string => to.split('/', to.startsWith('@') ? 2 : 1).join('/')

const pureFolders = ['shared/track', 'shared/broadcast', 'shared/measure', 'shared/relay']
const pureLibraries: Record<string, RegExp> = {
  'csv-parse': /^shared\/broadcast\/recipients\.ts$/,
  isbot: /^shared\/track\//,
  liquidjs: /^shared\/broadcast\/message\.ts$/,
  // For hashes: a pure function of its input. What it has of chance is refused below.
  'node:crypto': /^shared\/(track\/visitor|broadcast\/stop-token|relay\/.+)\.ts$/,
}

function mayEnterPure({ from, to }: Import): boolean {
  if (isPath(to)) return within(to, ...pureFolders) || to === 'shared/fault.ts' || to === 'shared/facts.ts'
  return pureLibraries[packageOf(to)]?.test(from) ?? false
}

/** Folders whose files are pieces of one Lambda. */
const oneLambda = ['functions/api', 'functions/relay', 'functions/broadcast/send']
const redirect = 'functions/track/redirect.ts'
const tooHeavy = /^(@aws-sdk|@smithy|@hono|hono|zod|liquidjs|pino|twitter-api-v2)(\/|$)/

const rules: Rule[] = [
  {
    name: 'stacks name functions by path, and stand on shared/ alone',
    violations: imports(
      ({ from, to }) =>
        (within(from, 'stacks') || from === 'sst.config.ts') && within(to, 'functions', 'local', 'tests', 'bench'),
    ),
    breaking: [
      { 'stacks/track.ts': "import { handler } from '../functions/track/redirect.ts'" },
      { 'sst.config.ts': "const x = await import('./functions/api/app.ts')" },
    ],
    keeping: [{ 'stacks/track.ts': "import { functions } from '../shared/topology.ts'" }],
  },
  {
    name: 'functions never import each other',
    violations: imports(
      ({ from, to }) =>
        within(from, 'functions') &&
        within(to, 'functions') &&
        !(dirname(from) === dirname(to) && oneLambda.includes(dirname(from))) &&
        !to.startsWith(`${from.replace(/\.ts$/, '')}/`),
    ),
    breaking: [
      { 'functions/track/recover.ts': "import { put } from './redirect.ts'" },
      { 'functions/api/app.ts': "export * from '../relay/page.ts'" },
      { 'functions/broadcast/launch.ts': "import { createSend } from './send/turn.ts'" },
    ],
    keeping: [
      { 'functions/api/app.ts': "import { campaigns } from './campaigns.ts'" },
      { 'functions/broadcast/send.ts': "import { createSend } from './send/turn.ts'" },
    ],
  },
  {
    name: 'pure folders import each other, fault.ts, facts.ts and the libraries named for them',
    violations: imports((each) => within(each.from, ...pureFolders) && !mayEnterPure(each)),
    breaking: [
      { 'shared/track/fold.ts': "import { env } from '../env.ts'" },
      { 'shared/broadcast/pacer.ts': "import {\n  readFileSync,\n} from 'node:fs'" },
      { 'shared/measure/report.ts': "import type { TotalsTable } from '../table/totals.ts'" },
      { 'shared/measure/report.ts': "import { Liquid } from 'liquidjs'" },
    ],
    keeping: [
      { 'shared/broadcast/message.ts': "import { Liquid } from 'liquidjs'" },
      { 'shared/measure/report.ts': "import type { Campaign } from '../facts.ts'" },
    ],
  },
  {
    name: 'pure folders read no clock, no environment, no chance',
    violations: text(
      (file) => within(file, ...pureFolders),
      /\bprocess\.|\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\bperformance\.now\b|\brandom(Bytes|Int|UUID)\b/,
    ),
    breaking: [
      { 'shared/broadcast/pacer.ts': 'const now = Date.now()' },
      { 'shared/track/fold.ts': 'if (process.env.DEBUG) fold()' },
      { 'shared/relay/page.ts': "import { randomBytes } from 'node:crypto'" },
    ],
    keeping: [{ 'shared/broadcast/pacer.ts': '/** Never Date.now(). */\nconst day = new Date(now)' }],
  },
  {
    name: 'shared knows no function, stack or engine, and table and ports no HTTP framework',
    violations: imports(
      ({ from, to }) =>
        (within(from, 'shared') && within(to, 'functions', 'stacks', 'local', 'tests', 'bench')) ||
        (within(from, 'shared/table', 'shared/ports') && /^@?hono(\/|$)/.test(to)),
    ),
    breaking: [
      { 'shared/ports/queue.ts': "import { handler } from '../../functions/broadcast/send.ts'" },
      { 'shared/table/links.ts': "import { HTTPException } from 'hono/http-exception'" },
    ],
  },
  {
    name: 'only tests and bench import local',
    violations: imports(({ from, to }) => within(to, 'local') && outside(from, 'local', 'tests', 'bench')),
    breaking: [{ 'functions/track/rollup.ts': "import { createTables } from '../../local/dynamo.ts'" }],
    keeping: [{ 'bench/run.ts': "import { startDynamo } from '../local/dynamo.ts'" }],
  },
  {
    name: 'only shared/table talks DynamoDB (local makes the tables and reads the stream)',
    violations: imports(
      ({ from, to }) =>
        /^@aws-sdk\/(client|lib|util)-dynamodb/.test(to) && outside(from, 'shared/table', 'local', 'tests', 'bench'),
    ),
    breaking: [
      { 'functions/broadcast/launch.ts': "import { GetCommand } from '@aws-sdk/lib-dynamodb'" },
      { 'shared/ports/vault.ts': "const { DynamoDBClient } = await import('@aws-sdk/client-dynamodb')" },
    ],
  },
  {
    name: 'only shared/ports talks to X, SQS and KMS (local runs the engines)',
    violations: imports(
      ({ from, to }) =>
        /^(twitter-api-v2|@aws-sdk\/client-(sqs|kms))(\/|$)/.test(to) &&
        outside(from, 'shared/ports', 'local', 'tests', 'bench'),
    ),
    breaking: [
      { 'functions/broadcast/send.ts': "import { TwitterApi } from 'twitter-api-v2'" },
      { 'shared/table/turns.ts': "import { SQSClient } from '@aws-sdk/client-sqs'" },
    ],
  },
  {
    name: 'the redirect loads nothing heavy, through any file',
    violations: (files) =>
      closureOf(redirect, files)
        .filter(({ to }) => tooHeavy.test(to))
        .map(({ from, to }) => `${from} imports ${to}`),
    breaking: [
      {
        [redirect]: "import { links } from '../../shared/table/links.ts'",
        'shared/table/links.ts': "export { client } from './client.ts'",
        'shared/table/client.ts': "import { DynamoDBClient } from '@aws-sdk/client-dynamodb'",
      },
      { [redirect]: "const { z } = await import('zod')" },
    ],
    keeping: [{ [redirect]: "import type { AttributeValue } from '@aws-sdk/client-dynamodb'" }],
  },
  {
    name: 'what runs needs no development dependency and none that package.json does not name',
    violations: imports(
      ({ from, to, typeOnly }) =>
        within(from, 'functions', 'shared', 'local') &&
        !typeOnly &&
        !isPath(to) &&
        !to.startsWith('node:') &&
        !(packageOf(to) in packageJson.dependencies),
    ),
    breaking: [
      { 'local/main.ts': "import { build } from 'esbuild'" },
      { 'shared/log.ts': "import { unnamed } from '@scope/not-in-package-json/deep'" },
    ],
    keeping: [{ 'functions/track/redirect.ts': "import type { SQSEvent } from 'aws-lambda'" }],
  },
  {
    name: 'only keys.ts writes a key',
    violations: text(
      (file) => within(file, 'functions', 'shared', 'local') && file !== 'shared/table/keys.ts',
      /\b[ps]k:\s*[`'"]/,
    ),
    breaking: [
      // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the code of the example
      { 'shared/table/links.ts': 'const Key = { pk: `L#${host}#${slug}`, sk: "LINK" }' },
      { 'functions/api/app.ts': "get({ Key: { pk, sk: 'TOKEN' } })" },
    ],
    keeping: [{ 'shared/table/links.ts': 'const Key = keys.link(host, slug)' }],
  },
]

const sources = '{functions,shared,stacks,local,scripts,bench,tests}/**/*.ts'
const project: Files = Object.fromEntries(
  [...globSync(sources), ...globSync('*.ts')].map((file) => [file, readFileSync(file, 'utf8')]),
)

describe.each(rules.map((rule) => [rule.name, rule] as const))(
  '%s',
  (_name, { violations, breaking, keeping = [] }) => {
    test('holds', () => expect(violations(project)).toEqual([]))
    test.each(breaking)('fires on %o', (files) => expect(violations(files)).toHaveLength(1))
    if (keeping.length > 0) test.each(keeping)('lets %o be', (files) => expect(violations(files)).toEqual([]))
  },
)

describe('reading imports', () => {
  test.each([
    ["import 'x'", 'x', false],
    ["import x from 'x'", 'x', false],
    ["import {\n  a,\n  type B,\n} from '../y.ts'", 'shared/y.ts', false],
    ["import type { A } from './y.ts'", 'shared/table/y.ts', true],
    ["export * from './y.ts'", 'shared/table/y.ts', false],
    ["export type { A } from 'x'", 'x', true],
    ["const x = await import('x/deep')", 'x/deep', false],
    ["const x = require('x')", 'x', false],
  ])('%s', (source, to, typeOnly) => {
    expect(importsOf('shared/table/z.ts', source)).toEqual([{ from: 'shared/table/z.ts', to, typeOnly }])
  })

  test.each(["/**\n * import x from 'x'\n */", "// import('x')", "export const from = 'x'", "Array.from('x')"])(
    'none in %s',
    (source) => expect(importsOf('shared/z.ts', source)).toEqual([]),
  )

  test('follows the redirect through the tree', () => {
    const reached = closureOf(redirect, project).map(({ to }) => to)
    expect(reached).toContain('shared/table/keys.ts')
    expect(reached).toContain('isbot')
  })
})
