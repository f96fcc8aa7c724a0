/** What is kept: the tables and queues of the topology, and the vault's key. Production keeps them if the stack goes. */
import { AttributeType, BillingMode, StreamViewType, Table, TableEncryption } from 'aws-cdk-lib/aws-dynamodb'
import { Key } from 'aws-cdk-lib/aws-kms'
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs'
import { Duration, RemovalPolicy } from 'aws-cdk-lib/core'
import type { App, Stack, StackContext } from 'sst/constructs'
import type { QueueName, TableName } from '../shared/env.ts'
import { queues, tables } from '../shared/topology.ts'
import type { Store } from './render.ts'

export function data({ app, stack }: StackContext): Store {
  const store = {
    tables: eachName(tables, (name) => table(app, stack, name)),
    queues: eachName(queues, (name) => queue(app, stack, name)),
    vaultKey: new Key(stack, 'vault', { enableKeyRotation: true, removalPolicy: removalPolicyOf(app) }),
  }
  // What `npm run connect` is told.
  stack.addOutputs({ DirectoryTable: store.tables.directory.tableName, VaultKeyId: store.vaultKey.keyId })
  return store
}

function table(app: App, stack: Stack, name: TableName): Table {
  const { stream, recovery, ttl } = tables[name]
  return new Table(stack, name, {
    tableName: app.logicalPrefixedName(name),
    partitionKey: { name: 'pk', type: AttributeType.STRING },
    sortKey: { name: 'sk', type: AttributeType.STRING },
    billingMode: BillingMode.PAY_PER_REQUEST,
    encryption: TableEncryption.AWS_MANAGED,
    pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: recovery },
    removalPolicy: removalPolicyOf(app),
    ...(ttl && { timeToLiveAttribute: ttl }),
    ...(stream && { stream: StreamViewType.NEW_AND_OLD_IMAGES }),
  })
}

function queue(app: App, stack: Stack, name: QueueName): Queue {
  const { visibilitySeconds, maxReceives } = queues[name]
  const common = { encryption: QueueEncryption.SQS_MANAGED, enforceSSL: true, retentionPeriod: Duration.days(14) }
  const dead = new Queue(stack, `${name}-dead`, { ...common, queueName: app.logicalPrefixedName(`${name}-dead`) })
  return new Queue(stack, name, {
    ...common,
    queueName: app.logicalPrefixedName(name),
    visibilityTimeout: Duration.seconds(visibilitySeconds),
    deadLetterQueue: { queue: dead, maxReceiveCount: maxReceives },
  })
}

const removalPolicyOf = (app: App): RemovalPolicy =>
  app.stage === 'prod' ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY

function eachName<Name extends string, Made>(specs: Record<Name, unknown>, make: (name: Name) => Made) {
  return Object.fromEntries((Object.keys(specs) as Name[]).map((name) => [name, make(name)])) as Record<Name, Made>
}
