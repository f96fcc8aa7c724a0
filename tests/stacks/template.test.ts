/** The synthesized templates, held against shared/topology.ts: everything it says, and nothing more. Offline. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Match, Template } from 'aws-cdk-lib/assertions'
import { Aspects } from 'aws-cdk-lib/core'
import { AwsSolutionsChecks } from 'cdk-nag'
import { transform } from 'esbuild'
import { App, getStack } from 'sst/constructs'
import { initProject, useProject } from 'sst/project.js'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { QueueName, TableName } from '../../shared/env.ts'
import {
  type FunctionName,
  type FunctionSpec,
  functionNames,
  functions,
  queues,
  tables,
} from '../../shared/topology.ts'
import config from '../../sst.config.ts'
import { alarms } from '../../stacks/alarms.ts'
import { api } from '../../stacks/api.ts'
import { broadcast } from '../../stacks/broadcast.ts'
import { data } from '../../stacks/data.ts'
import { track } from '../../stacks/track.ts'

// biome-ignore lint/suspicious/noExplicitAny: a template is JSON of every shape; the assertions are its types
type Properties = Record<string, any>
interface Resource {
  Type: string
  Properties: Properties
  DeletionPolicy?: string
}

const stacks = [data, api, track, broadcast, alarms]
const stage = 'prod'
const region = 'eu-west-3'
const named = (name: string): string => `${stage}-passalong-${name}`
const tableNames = Object.keys(tables) as TableName[]
const queueNames = Object.keys(queues) as QueueName[]
const specs: [FunctionName, FunctionSpec][] = functionNames.map((name) => [name, functions[name]])

/** Those whose code asks `env.publicUrl()`. */
const makesLinks: FunctionName[] = ['redirect', 'page', 'send', 'api']

/** Every stack's resources and exports as one list, so that a reference reads the same within a stack and across two. */
let resources: [id: string, Resource][]
let exported: Map<string, unknown>
/** What cdk-nag has to say, `path rule: why`. */
let findings: string[]
let outdir: string

beforeAll(async () => {
  outdir = await mkdtemp(join(tmpdir(), 'passalong-synth-'))
  await initProject({ stage, region } as Parameters<typeof initProject>[0])
  const app = new App({ mode: 'deploy', stage, region, name: 'passalong' }, { outdir })
  Aspects.of(app).add(new AwsSolutionsChecks({ reports: false }))
  config.stacks(app)
  await app.finish()
  const templates = stacks.map((stack) => Template.fromStack(getStack(stack)).toJSON())
  resources = templates.flatMap((template) => Object.entries<Resource>(template.Resources ?? {}))
  const outputs = templates.flatMap((template) => Object.values<Properties>(template.Outputs ?? {}))
  exported = new Map(outputs.filter((output) => output.Export).map((output) => [output.Export.Name, output.Value]))
  const messages = app.synth().stacks.flatMap((stack) => stack.messages)
  findings = messages.map(({ id, entry }) => `${id} ${entry.data}`).filter((text) => text.includes('AwsSolutions-'))
}, 120_000)

afterAll(() => rm(outdir, { recursive: true, force: true }))

/** Follows an import to what the other stack exports. */
function resolved(value: unknown): unknown {
  const name = (value as Properties | undefined)?.['Fn::ImportValue']
  return name === undefined ? value : exported.get(name)
}

function ofType(type: string): [string, Properties][] {
  return resources.filter(([, { Type }]) => Type === type).map(([id, { Properties: properties }]) => [id, properties])
}

function one(type: string, matches: (properties: Properties) => boolean): [id: string, Properties] {
  const found = ofType(type).filter(([, properties]) => matches(properties))
  expect(found, `one ${type}`).toHaveLength(1)
  return found[0]!
}

const functionOf = (name: string) => one('AWS::Lambda::Function', ({ FunctionName }) => FunctionName === named(name))
const tableOf = (name: string) => one('AWS::DynamoDB::Table', ({ TableName }) => TableName === named(name))
const queueOf = (name: string) => one('AWS::SQS::Queue', ({ QueueName }) => QueueName === named(name))
const arnOf = (id: string, attribute = 'Arn') => ({ 'Fn::GetAtt': [id, attribute] })

/** What a function's role allows, one `action on resource` per line. */
function rightsOf(name: FunctionName): string[] {
  const role = functionOf(name)[1].Role['Fn::GetAtt'][0]
  const statements = ofType('AWS::IAM::Policy')
    .filter(([, { Roles }]) => Roles.some((entry: Properties) => entry.Ref === role))
    .flatMap(([, { PolicyDocument }]) => PolicyDocument.Statement as Properties[])
  expect(statements.filter(({ Effect }) => Effect !== 'Allow')).toEqual([])
  return statements.flatMap((statement) => pairs(statement)).sort()
}

function pairs({ Action, Resource }: Properties): string[] {
  const actions: string[] = [Action].flat()
  const targets = [Resource].flat().map((target) => (target === '*' ? '*' : JSON.stringify(resolved(target))))
  return actions.flatMap((action) => targets.map((target) => `${action} on ${target}`))
}

/** What the topology grants, and what AWS needs to read the trigger. */
function rightsFromTopology({ grants, sends, vault, trigger }: FunctionSpec): string[] {
  const on = (arn: unknown, actions: string[]) => actions.map((action) => `${action} on ${JSON.stringify(arn)}`)
  const granted = Object.entries(grants).flatMap(([table, actions]) =>
    on(
      arnOf(tableOf(table)[0]),
      actions.map((action) => `dynamodb:${action}`),
    ),
  )
  const sent = sends.flatMap((queue) => on(arnOf(queueOf(queue)[0]), ['sqs:SendMessage']))
  const key = vault ? on(arnOf(ofType('AWS::KMS::Key')[0]![0]), ['kms:GenerateDataKey', 'kms:Decrypt']) : []
  return [...granted, ...sent, ...key, ...rightsOfTrigger(trigger, on)].sort()
}

function rightsOfTrigger(
  trigger: FunctionSpec['trigger'],
  on: (arn: unknown, actions: string[]) => string[],
): string[] {
  if (trigger.kind === 'queue') {
    const reading = ['ReceiveMessage', 'ChangeMessageVisibility', 'GetQueueUrl', 'DeleteMessage', 'GetQueueAttributes']
    return on(
      arnOf(queueOf(trigger.queue)[0]),
      reading.map((action) => `sqs:${action}`),
    )
  }
  if (trigger.kind === 'stream') {
    const reading = ['DescribeStream', 'GetRecords', 'GetShardIterator'].map((action) => `dynamodb:${action}`)
    return [...on(arnOf(tableOf(trigger.table)[0], 'StreamArn'), reading), 'dynamodb:ListStreams on *']
  }
  return []
}

describe('tables', () => {
  test('are the topology’s, no more', () => {
    expect(
      ofType('AWS::DynamoDB::Table')
        .map(([, { TableName }]) => TableName)
        .sort(),
    ).toEqual(tableNames.map(named).sort())
  })

  test.each(tableNames)('%s: keys, billing, encryption, recovery, stream, expiry', (name) => {
    const { stream, recovery, ttl } = tables[name]
    const [id, table] = tableOf(name)
    expect(table).toMatchObject({
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
      AttributeDefinitions: [
        { AttributeName: 'pk', AttributeType: 'S' },
        { AttributeName: 'sk', AttributeType: 'S' },
      ],
      BillingMode: 'PAY_PER_REQUEST',
      SSESpecification: { SSEEnabled: true },
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: recovery },
    })
    expect(table.StreamSpecification).toEqual(stream ? { StreamViewType: 'NEW_AND_OLD_IMAGES' } : undefined)
    expect(table.TimeToLiveSpecification).toEqual(ttl ? { AttributeName: ttl, Enabled: true } : undefined)
    expect(resources.find(([other]) => other === id)![1].DeletionPolicy).toBe('Retain')
  })
})

describe('queues', () => {
  test('are the topology’s and their dead-letter queues, no more', () => {
    const expected = queueNames.flatMap((name) => [named(name), named(`${name}-dead`)])
    expect(
      ofType('AWS::SQS::Queue')
        .map(([, { QueueName }]) => QueueName)
        .sort(),
    ).toEqual(expected.sort())
  })

  test.each(queueNames)('%s: visibility, receives, dead letters, alarms', (name) => {
    const [, queue] = queueOf(name)
    const [deadId] = queueOf(`${name}-dead`)
    expect(queue).toMatchObject({
      VisibilityTimeout: queues[name].visibilitySeconds,
      RedrivePolicy: { maxReceiveCount: queues[name].maxReceives, deadLetterTargetArn: arnOf(deadId) },
      SqsManagedSseEnabled: true,
    })
    const watched = ofType('AWS::CloudWatch::Alarm').map(([, { MetricName, Dimensions }]) => [
      MetricName,
      resolved(Dimensions?.[0].Value),
    ])
    expect(watched).toContainEqual(['ApproximateAgeOfOldestMessage', arnOf(queueOf(name)[0], 'QueueName')])
    expect(watched).toContainEqual(['ApproximateNumberOfMessagesVisible', arnOf(deadId, 'QueueName')])
  })
})

describe('functions', () => {
  test('are the topology’s, no more', () => {
    const found = ofType('AWS::Lambda::Function').map(([, { FunctionName }]) => FunctionName)
    // SST puts one unnamed handler of its own in each stack.
    expect(found.filter(Boolean).sort()).toEqual(functionNames.map(named).sort())
  })

  test.each(specs)('%s: runtime, size, environment, alarm', (name, spec) => {
    const [id, fn] = functionOf(name)
    expect(fn).toMatchObject({
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
      MemorySize: spec.memoryMb,
      Timeout: spec.timeoutSeconds,
      Handler: spec.handler,
    })
    expect(environmentOf(fn)).toEqual(environmentFromTopology(name))
    const watched = ofType('AWS::CloudWatch::Alarm').filter(([, { MetricName }]) => MetricName === 'Errors')
    expect(watched.map(([, { Dimensions }]) => resolved(Dimensions[0].Value))).toContainEqual({ Ref: id })
  })

  test('those whose wiring asks env.publicUrl() are given it', async () => {
    const wirings = specs.map(async ([name, { handler }]) => {
      const code = await readFile(handler.replace(/\.\w+$/, '.ts'), 'utf8')
      return code.includes('env.publicUrl()') ? [name] : []
    })
    expect((await Promise.all(wirings)).flat().sort()).toEqual([...makesLinks].sort())
  })

  test.each(specs)('%s may do what the topology grants, no more and no less', (name, spec) => {
    expect(rightsOf(name)).toEqual(rightsFromTopology(spec))
  })

  test('the redirect cannot touch the directory or the totals', () => {
    const rights = rightsOf('redirect').join('\n')
    for (const table of ['directory', 'totals']) expect(rights).not.toContain(tableOf(table)[0])
    expect(rights).toContain(tableOf('facts')[0])
  })

  test.each(specs)('%s is bundled minified', async (name, { handler }) => {
    const code = await readFile(bundleOf(name, handler), 'utf8')
    const again = await transform(code, { minifyWhitespace: true, format: 'esm' })
    expect(again.code.length).toBeGreaterThan(code.length * 0.95)
  })
})

/** SST adds a few variables of its own. */
function environmentOf(fn: Properties): Properties {
  const own = Object.entries(fn.Environment.Variables as Properties).filter(([key]) => !/^(SST|AWS)_/.test(key))
  return Object.fromEntries(own.map(([key, value]) => [key, resolved(value)]))
}

function environmentFromTopology(name: FunctionName): Properties {
  const { grants, sends, vault }: FunctionSpec = functions[name]
  const [doorId] = ofType('AWS::ApiGatewayV2::Api')[0]!
  return {
    ...Object.fromEntries(
      Object.keys(grants).map((name) => [`${name.toUpperCase()}_TABLE`, { Ref: tableOf(name)[0] }]),
    ),
    ...Object.fromEntries(sends.map((name) => [`${name.toUpperCase()}_QUEUE_URL`, { Ref: queueOf(name)[0] }])),
    ...(vault && { VAULT_KEY_ID: { Ref: ofType('AWS::KMS::Key')[0]![0] } }),
    ...(makesLinks.includes(name) && { PUBLIC_URL: arnOf(doorId, 'ApiEndpoint') }),
  }
}

function bundleOf(name: FunctionName, handler: string): string {
  const fn = [track, broadcast, api]
    .flatMap((stack) => getStack(stack).getAllFunctions())
    .find(({ id }) => id === name)!
  return `${useProject().paths.artifacts}/${fn.node.addr}/${handler.replace(/\.\w+$/, '.mjs')}`
}

describe('triggers', () => {
  test('every route of the topology leads to its function, and there are no others', () => {
    const integrations = new Map(ofType('AWS::ApiGatewayV2::Integration'))
    const found = ofType('AWS::ApiGatewayV2::Route').map(([, { RouteKey, Target }]) => {
      const integration = integrations.get(Target['Fn::Join'][1][1].Ref)!
      return [RouteKey, integration.IntegrationUri['Fn::GetAtt'][0]]
    })
    const expected = specs.flatMap(([name, { trigger }]) =>
      trigger.kind === 'http' ? trigger.routes.map((route) => [route, functionOf(name)[0]]) : [],
    )
    expect(found.sort()).toEqual(expected.sort())
  })

  test('queues feed their function and hear about each failed message', () => {
    const mappings = ofType('AWS::Lambda::EventSourceMapping').filter(([, mapping]) => !mapping.TumblingWindowInSeconds)
    const found = mappings.map(([, { EventSourceArn, FunctionName, BatchSize, FunctionResponseTypes }]) => [
      resolved(EventSourceArn),
      FunctionName,
      BatchSize,
      FunctionResponseTypes,
    ])
    const expected = specs.flatMap(([name, { trigger }]) => {
      if (trigger.kind !== 'queue') return []
      const source = arnOf(queueOf(trigger.queue)[0])
      return [[source, { Ref: functionOf(name)[0] }, trigger.batchSize, ['ReportBatchItemFailures']]]
    })
    expect(sorted(found)).toEqual(sorted(expected))
  })

  test('the stream feeds the roll-up in tumbling windows and never drops a record', () => {
    const { trigger } = functions.rollup
    const [, mapping] = one('AWS::Lambda::EventSourceMapping', (each) => 'TumblingWindowInSeconds' in each)
    expect({ ...mapping, EventSourceArn: resolved(mapping.EventSourceArn), Tags: undefined }).toEqual({
      EventSourceArn: arnOf(tableOf(trigger.table)[0], 'StreamArn'),
      FunctionName: { Ref: functionOf('rollup')[0] },
      BatchSize: trigger.batchSize,
      TumblingWindowInSeconds: trigger.windowSeconds,
      StartingPosition: 'TRIM_HORIZON',
      ParallelizationFactor: 1,
      BisectBatchOnFunctionError: false,
      MaximumRetryAttempts: -1,
      MaximumRecordAgeInSeconds: -1,
      Tags: undefined,
    })
  })

  test('the clock ticks each minute', () => {
    const rules = ofType('AWS::Events::Rule')
    const expected = specs.flatMap(([name, { trigger }]) =>
      trigger.kind === 'schedule' ? [[`rate(${trigger.everyMinutes} minute)`, arnOf(functionOf(name)[0])]] : [],
    )
    expect(rules.map(([, { ScheduleExpression, Targets }]) => [ScheduleExpression, Targets[0].Arn])).toEqual(expected)
  })
})

describe('what is watched and what is not written down', () => {
  test('the roll-up’s lag', () => {
    const [, alarm] = one('AWS::CloudWatch::Alarm', ({ MetricName }) => MetricName === 'IteratorAge')
    expect(resolved(alarm.Dimensions[0].Value)).toEqual({ Ref: functionOf('rollup')[0] })
  })

  test('an untracked hit is counted from the redirect’s log and raises an alarm', () => {
    const [, filter] = ofType('AWS::Logs::MetricFilter')[0]!
    expect(filter.FilterPattern).toBe('{ $.event = "hit.untracked" }')
    expect(resolved(filter.LogGroupName)).toEqual(functionOf('redirect')[1].LoggingConfig.LogGroup)
    const { MetricName, MetricNamespace, MetricValue } = filter.MetricTransformations[0]
    expect(MetricValue).toBe('$.count')
    one('AWS::CloudWatch::Alarm', (alarm) => alarm.MetricName === MetricName && alarm.Namespace === MetricNamespace)
  })

  test('every alarm tells somebody', () => {
    const found = ofType('AWS::CloudWatch::Alarm')
    const [topicId] = ofType('AWS::SNS::Topic')[0]!
    for (const [, { AlarmActions }] of found) expect(AlarmActions).toEqual([{ Ref: topicId }])
    expect(found.length).toBe(2 * queueNames.length + functionNames.length + 2)
  })

  test('access logs hold no query string, path, address or user agent', () => {
    const [, { AccessLogSettings }] = ofType('AWS::ApiGatewayV2::Stage')[0]!
    const fields = [...AccessLogSettings.Format.matchAll(/\$context\.([\w.]+)/g)].map(([, field]) => field)
    expect(fields).toContain('routeKey')
    for (const field of fields) expect(field).not.toMatch(/path|query|sourceIp|userAgent|identity/i)
  })
})

/** Every cdk-nag rule not followed: where, and why that is right. */
const accepted: [rule: string, at: RegExp, because: string][] = [
  ['AwsSolutions-APIG4', /Route_/, 'Links and relay pages are for anybody; the /v1 API checks its own keys.'],
  ['AwsSolutions-IAM4', /ServiceRole/, 'AWSLambdaBasicExecutionRole: it lets a function write its log, nothing else.'],
  ['AwsSolutions-IAM5', /\/rollup\//, 'ListStreams, part of reading a stream, cannot be narrowed to a resource.'],
  ['AwsSolutions-L1', /CustomResourceHandler/, 'SST puts this one there and picks its runtime; nothing calls it.'],
  ['AwsSolutions-DDB3', /\/ephemera\//, 'Daily salts must not come back once they are deleted.'],
]

describe('cdk-nag, AwsSolutions', () => {
  const accepts = (finding: string) => accepted.some(([rule, at]) => finding.includes(rule) && at.test(finding))

  test('finds nothing that is not accepted above with its reason', () => {
    expect(findings.filter((finding) => !accepts(finding))).toEqual([])
  })

  test.each(accepted)('%s at %s is still there to be accepted', (rule, at) => {
    expect(findings.filter((finding) => finding.includes(rule) && at.test(finding))).not.toEqual([])
  })
})

/** One file for both: two processes would write SST's working folder at the same time. */
describe('what a deploy reads from its environment', () => {
  const templateOf = (stack: (typeof stacks)[number]) => Template.fromStack(getStack(stack))

  beforeAll(async () => {
    vi.stubEnv('PASSALONG_DOMAIN', 'go.example.org')
    vi.stubEnv('PASSALONG_ALARM_EMAIL', 'alarms@example.org')
    vi.stubEnv('X_CLIENT_ID', 'client-1')
    vi.stubEnv('X_CLIENT_SECRET_NAME', 'passalong/x')
    await initProject({ stage: 'try', region } as Parameters<typeof initProject>[0])
    // Nothing is bundled for an inactive stack.
    const deploy = { mode: 'deploy', stage: 'try', region, name: 'passalong', isActiveStack: () => false } as const
    const app = new App(deploy, { outdir: join(outdir, 'try') })
    config.stacks(app)
    await app.finish()
  })
  afterAll(() => void vi.unstubAllEnvs())

  test('a domain of one’s own is served, and every link is made with it', () => {
    templateOf(api).hasResourceProperties('AWS::ApiGatewayV2::DomainName', { DomainName: 'go.example.org' })
    const all = stacks.flatMap((stack) => Object.values(templateOf(stack).findResources('AWS::Lambda::Function')))
    const given = all.flatMap(({ Properties: { FunctionName, Environment } }) =>
      Environment?.Variables.PUBLIC_URL ? [[FunctionName, Environment.Variables.PUBLIC_URL]] : [],
    )
    const expected = makesLinks.map((name) => [`try-passalong-${name}`, 'https://go.example.org'])
    expect(given.sort()).toEqual(expected.sort())
  })

  test('X’s client goes to the sender alone, its secret as a reference', () => {
    const secret = '{{resolve:secretsmanager:passalong/x:SecretString:::}}'
    templateOf(broadcast).hasResourceProperties('AWS::Lambda::Function', {
      FunctionName: 'try-passalong-send',
      Environment: { Variables: Match.objectLike({ X_CLIENT_ID: 'client-1', X_CLIENT_SECRET: secret }) },
    })
    const everything = stacks.map((stack) => JSON.stringify(templateOf(stack).toJSON())).join('')
    expect(everything.split('"X_CLIENT_SECRET"')).toHaveLength(2)
  })

  test('alarms reach the address given', () => {
    const subscription = { Protocol: 'email', Endpoint: 'alarms@example.org' }
    templateOf(alarms).hasResourceProperties('AWS::SNS::Subscription', subscription)
  })

  test('a stage other than prod goes away whole', () => {
    const resources = Object.values<Resource>(templateOf(data).toJSON().Resources)
    expect(resources.filter(({ DeletionPolicy }) => DeletionPolicy === 'Retain')).toEqual([])
  })
})

const sorted = (rows: unknown[]): string[] => rows.map((row) => JSON.stringify(row)).sort()
