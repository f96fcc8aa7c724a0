/**
 * Does a function's code stay within its grants in the topology? The local engine allows everything, AWS does not, so
 * flows record what they ask of the tables:
 *
 *     const { table, asked } = recordingTable()
 *     …run the flow with `table`…
 *     expect(beyondGrants('send', asked)).toEqual([])
 */
import type { TableName } from '../shared/env.ts'
import { env } from '../shared/env.ts'
import { createTable, type Table } from '../shared/table/client.ts'
import { type FunctionName, type FunctionSpec, functions, tables } from '../shared/topology.ts'

/** `facts:PutItem`, … */
export type Asked = Set<string>

const actions: Record<string, string> = {
  GetCommand: 'GetItem',
  BatchGetCommand: 'BatchGetItem',
  QueryCommand: 'Query',
  PutCommand: 'PutItem',
  UpdateCommand: 'UpdateItem',
  DeleteCommand: 'DeleteItem',
}
const inTransaction: Record<string, string> = {
  Put: 'PutItem',
  Update: 'UpdateItem',
  Delete: 'DeleteItem',
  ConditionCheck: 'ConditionCheckItem',
}

interface Input {
  TableName?: string
  TransactItems?: Record<string, { TableName: string }>[]
  RequestItems?: Record<string, unknown>
}

export function recordingTable(): { table: Table; asked: Asked } {
  const table = createTable()
  const asked: Asked = new Set()
  const send = table.send.bind(table) as (command: { constructor: { name: string }; input: Input }) => Promise<unknown>
  const recording = (command: { constructor: { name: string }; input: Input }) => {
    for (const one of asksOf(command)) asked.add(one)
    return send(command)
  }
  return { table: Object.assign(table, { send: recording }) as Table, asked }
}

function asksOf({ constructor: { name }, input }: { constructor: { name: string }; input: Input }): string[] {
  if (input.TransactItems)
    return input.TransactItems.flatMap((item) =>
      Object.entries(item).map(([kind, { TableName }]) => `${logical(TableName)}:${inTransaction[kind] ?? kind}`),
    )
  const names = input.RequestItems ? Object.keys(input.RequestItems) : [input.TableName ?? '']
  return names.map((physical) => `${logical(physical)}:${actions[name] ?? name}`)
}

function logical(physical: string): string {
  return (Object.keys(tables) as TableName[]).find((name) => env.table(name) === physical) ?? physical
}

/** What was asked that the topology does not grant this function. */
export function beyondGrants(name: FunctionName, asked: Asked): string[] {
  const { grants }: FunctionSpec = functions[name]
  const granted = new Set(Object.entries(grants).flatMap(([table, all]) => all.map((action) => `${table}:${action}`)))
  return [...asked].filter((one) => !granted.has(one)).sort()
}
