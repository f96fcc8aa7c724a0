/**
 * Renders a function of shared/topology.ts to AWS: its settings, its environment, exactly its grants, its trigger.
 *
 *     renderFunctions(stack, ['redirect', 'rollup'], { ...use(data), ...use(api) })
 */
import type { Table } from 'aws-cdk-lib/aws-dynamodb'
import { Rule, Schedule } from 'aws-cdk-lib/aws-events'
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets'
import { PolicyStatement } from 'aws-cdk-lib/aws-iam'
import type { Key } from 'aws-cdk-lib/aws-kms'
import { CfnEventSourceMapping } from 'aws-cdk-lib/aws-lambda'
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources'
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs'
import type { Queue } from 'aws-cdk-lib/aws-sqs'
import { Duration, RemovalPolicy, SecretValue } from 'aws-cdk-lib/core'
import { type Api, type App, Function as SstFunction, type Stack } from 'sst/constructs'
import type { QueueName, TableName } from '../shared/env.ts'
import { type FunctionName, type FunctionSpec, functions, runtime, type Trigger } from '../shared/topology.ts'

/** Made by stacks/data.ts. */
export interface Store {
  tables: Record<TableName, Table>
  queues: Record<QueueName, Queue>
  vaultKey: Key
}

/** Made by stacks/api.ts. */
export interface Door {
  http: Api
  publicUrl: string
}

export type Platform = Store & Door
export type Functions = Partial<Record<FunctionName, SstFunction>>

export function renderFunctions(stack: Stack, names: readonly FunctionName[], platform: Platform): Functions {
  return Object.fromEntries(names.map((name) => [name, renderFunction(stack, name, platform)]))
}

function renderFunction(stack: Stack, name: FunctionName, platform: Platform): SstFunction {
  const spec: FunctionSpec = functions[name]
  const fn = new SstFunction(stack, name, {
    functionName: (stack.node.root as App).logicalPrefixedName(name),
    description: spec.does,
    handler: spec.handler,
    runtime: runtime.name,
    architecture: ({ arm64: 'arm_64' } as const)[runtime.architecture],
    // Source maps would bring an uploader with rights of its own; the names kept in the bundle are enough for a stack.
    nodejs: { format: 'esm', minify: runtime.minify, sourcemap: false },
    memorySize: spec.memoryMb,
    timeout: spec.timeoutSeconds,
    tracing: 'disabled',
    environment: environmentOf(spec, platform),
    permissions: grantsOf(spec, platform),
    logGroup: new LogGroup(stack, `${name}-logs`, {
      retention: RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    }),
  })
  connect(stack, name, spec.trigger, fn, platform)
  return fn
}

function environmentOf(spec: FunctionSpec, { tables, queues, vaultKey, publicUrl }: Platform): Record<string, string> {
  const tableNames = Object.keys(spec.grants) as TableName[]
  return {
    ...Object.fromEntries(tableNames.map((name) => [`${name.toUpperCase()}_TABLE`, tables[name].tableName])),
    ...Object.fromEntries(spec.sends.map((name) => [`${name.toUpperCase()}_QUEUE_URL`, queues[name].queueUrl])),
    ...(spec.vault && { VAULT_KEY_ID: vaultKey.keyId }),
    ...(spec.callsX && xCredentials()),
    ...(facesPeople(spec) && { PUBLIC_URL: publicUrl }),
  }
}

/** Answers people or writes to them, so it makes links and must know where they open. */
const facesPeople = ({ trigger }: FunctionSpec): boolean =>
  trigger.kind === 'http' || (trigger.kind === 'queue' && trigger.queue === 'turns')

/** The secret stays in Secrets Manager: the template only holds a reference to it. */
function xCredentials(): Record<string, string> {
  const { X_CLIENT_ID: id, X_CLIENT_SECRET_NAME: secret } = process.env
  return {
    ...(id && { X_CLIENT_ID: id }),
    ...(secret && { X_CLIENT_SECRET: SecretValue.secretsManager(secret).unsafeUnwrap() }),
  }
}

function grantsOf(spec: FunctionSpec, { tables, queues, vaultKey }: Platform): PolicyStatement[] {
  const grants = Object.entries(spec.grants) as [TableName, readonly string[]][]
  return [
    ...grants.map(([name, actions]) =>
      allow(
        actions.map((action) => `dynamodb:${action}`),
        tables[name].tableArn,
      ),
    ),
    ...spec.sends.map((name) => allow(['sqs:SendMessage'], queues[name].queueArn)),
    ...(spec.vault ? [allow(['kms:GenerateDataKey', 'kms:Decrypt'], vaultKey.keyArn)] : []),
  ]
}

const allow = (actions: string[], resource: string) => new PolicyStatement({ actions, resources: [resource] })

function connect(stack: Stack, name: FunctionName, trigger: Trigger, fn: SstFunction, platform: Platform): void {
  if (trigger.kind === 'http') {
    platform.http.addRoutes(stack, Object.fromEntries(trigger.routes.map((route) => [route, fn])))
  } else if (trigger.kind === 'queue') {
    const { queue, batchSize } = trigger
    fn.addEventSource(new SqsEventSource(platform.queues[queue], { batchSize, reportBatchItemFailures: true }))
  } else if (trigger.kind === 'schedule') {
    new Rule(stack, `${name}-clock`, {
      schedule: Schedule.rate(Duration.minutes(trigger.everyMinutes)),
      targets: [new LambdaFunction(fn)],
    })
  } else {
    readStream(stack, name, trigger, fn, platform.tables[trigger.table])
  }
}

/** -1 is without limit: the handler alone discards a record. The tumbling window is what names the shard. */
function readStream(
  stack: Stack,
  name: FunctionName,
  { batchSize, windowSeconds }: Extract<Trigger, { kind: 'stream' }>,
  fn: SstFunction,
  table: Table,
): void {
  const read = table.grantStreamRead(fn)
  const mapping = new CfnEventSourceMapping(stack, `${name}-stream`, {
    functionName: fn.functionName,
    eventSourceArn: table.tableStreamArn!,
    startingPosition: 'TRIM_HORIZON',
    batchSize,
    tumblingWindowInSeconds: windowSeconds,
    parallelizationFactor: 1,
    bisectBatchOnFunctionError: false,
    maximumRetryAttempts: -1,
    maximumRecordAgeInSeconds: -1,
  })
  read.applyBefore(mapping)
}
