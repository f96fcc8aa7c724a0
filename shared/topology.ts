/**
 * The map: every table, queue and function, what triggers it and what it may do. `stacks/` renders it to AWS,
 * `local/` to embedded engines, `docs/architecture.md` draws it, and tests hold all three against it.
 */
import type { QueueName, TableName } from './env.ts'

export type TableAction =
  | 'GetItem'
  | 'BatchGetItem'
  | 'Query'
  | 'PutItem'
  | 'UpdateItem'
  | 'DeleteItem'
  | 'ConditionCheckItem'

export interface TableSpec {
  /** Carries NEW_AND_OLD_IMAGES to the roll-up. */
  stream: boolean
  /** Point-in-time recovery. */
  recovery: boolean
  /** Attribute that holds an expiry in epoch seconds. */
  ttl?: string
}

export const tables: Record<TableName, TableSpec> = {
  facts: { stream: true, recovery: true, ttl: 'ttl' },
  totals: { stream: false, recovery: true },
  directory: { stream: false, recovery: true },
  ephemera: { stream: false, recovery: false, ttl: 'ttl' },
}

export interface QueueSpec {
  /** How long a received message stays hidden: at least its function's timeout times six, as AWS advises. */
  visibilitySeconds: number
  /** Receives before a message goes to the queue's dead-letter queue, `<name>-dead`. */
  maxReceives: number
}

export const queues: Record<QueueName, QueueSpec> = {
  turns: { visibilitySeconds: 180, maxReceives: 50 },
  spill: { visibilitySeconds: 60, maxReceives: 1000 },
}

export type Trigger =
  | { kind: 'http'; routes: readonly string[] }
  | { kind: 'queue'; queue: QueueName; batchSize: number }
  | { kind: 'stream'; table: TableName; batchSize: number; windowSeconds: number }
  | { kind: 'schedule'; everyMinutes: number }

export interface FunctionSpec {
  /** `file.export`, from the project's root. */
  handler: string
  does: string
  trigger: Trigger
  grants: Partial<Record<TableName, readonly TableAction[]>>
  sends: readonly QueueName[]
  /** May use the vault's key (X tokens, the stop token's secret). */
  vault: boolean
  /** Calls X's API, so it has the app's client. */
  callsX: boolean
  memoryMb: number
  timeoutSeconds: number
}

export const functions = {
  redirect: {
    handler: 'functions/track/redirect.handler',
    does: 'answers a tracked link after its hit is durable',
    trigger: { kind: 'http', routes: ['ANY /{slug}'] },
    grants: { facts: ['GetItem', 'PutItem'], ephemera: ['GetItem', 'PutItem'] },
    sends: ['spill'],
    vault: false,
    callsX: false,
    memoryMb: 512,
    timeoutSeconds: 10,
  },
  recover: {
    handler: 'functions/track/recover.handler',
    does: 'puts spilled hit blocks where they belong',
    trigger: { kind: 'queue', queue: 'spill', batchSize: 10 },
    grants: { facts: ['PutItem'] },
    sends: [],
    vault: false,
    callsX: false,
    memoryMb: 256,
    timeoutSeconds: 10,
  },
  rollup: {
    handler: 'functions/track/rollup.handler',
    does: 'folds new facts into totals, exactly once',
    trigger: { kind: 'stream', table: 'facts', batchSize: 1000, windowSeconds: 1 },
    grants: {
      facts: ['PutItem', 'UpdateItem'],
      totals: ['GetItem', 'PutItem', 'UpdateItem'],
    },
    sends: [],
    vault: false,
    callsX: false,
    memoryMb: 1024,
    timeoutSeconds: 60,
  },
  page: {
    handler: 'functions/relay/page.handler',
    does: 'relay page, pass-it-on page, stop page',
    trigger: { kind: 'http', routes: ['ANY /', 'ANY /p/{slug}', 'ANY /via/{slug}', 'ANY /stop/{token}'] },
    grants: {
      facts: ['GetItem', 'PutItem', 'UpdateItem', 'ConditionCheckItem'],
      totals: ['GetItem'],
      ephemera: ['GetItem', 'PutItem'],
    },
    sends: [],
    vault: false,
    callsX: false,
    memoryMb: 512,
    timeoutSeconds: 10,
  },
  launch: {
    handler: 'functions/broadcast/launch.handler',
    does: 'each minute: starts due campaigns, re-seeds lost turns, completes those whose last clock has run out',
    trigger: { kind: 'schedule', everyMinutes: 1 },
    grants: {
      facts: ['GetItem', 'Query', 'PutItem', 'UpdateItem', 'DeleteItem', 'ConditionCheckItem'],
      directory: ['GetItem', 'Query', 'PutItem', 'UpdateItem', 'DeleteItem'],
      ephemera: ['DeleteItem'],
    },
    sends: ['turns'],
    vault: false,
    callsX: false,
    memoryMb: 512,
    timeoutSeconds: 50,
  },
  send: {
    handler: 'functions/broadcast/send.handler',
    does: 'one turn of an account: at most one paced message',
    trigger: { kind: 'queue', queue: 'turns', batchSize: 1 },
    grants: {
      facts: ['GetItem', 'Query', 'PutItem', 'UpdateItem', 'DeleteItem', 'ConditionCheckItem'],
      directory: ['GetItem', 'Query', 'PutItem', 'UpdateItem', 'DeleteItem'],
      ephemera: ['GetItem', 'PutItem'],
    },
    sends: ['turns'],
    vault: true,
    callsX: true,
    memoryMb: 512,
    timeoutSeconds: 30,
  },
  api: {
    handler: 'functions/api/app.handler',
    does: 'the /v1 API',
    trigger: { kind: 'http', routes: ['ANY /v1/{path+}'] },
    grants: {
      facts: ['GetItem', 'BatchGetItem', 'Query', 'PutItem', 'UpdateItem', 'DeleteItem', 'ConditionCheckItem'],
      totals: ['GetItem', 'Query'],
      directory: ['GetItem', 'Query', 'PutItem', 'UpdateItem', 'DeleteItem'],
    },
    sends: ['turns'],
    vault: true,
    callsX: false,
    memoryMb: 512,
    timeoutSeconds: 30,
  },
} as const satisfies Record<string, FunctionSpec>

export type FunctionName = keyof typeof functions

export const functionNames = Object.keys(functions) as FunctionName[]

export const runtime = { name: 'nodejs24.x', architecture: 'arm64', minify: true } as const
