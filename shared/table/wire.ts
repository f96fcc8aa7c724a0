/**
 * DynamoDB's typed JSON for the values facts are made of, as `@aws-sdk/lib-dynamodb` writes and reads it: strings,
 * numbers, booleans, lists, maps and sets of numbers. `undefined` is dropped.
 */
export type Wire =
  | { S: string }
  | { N: string }
  | { BOOL: boolean }
  | { L: Wire[] }
  | { M: WireItem }
  | { NS: string[] }

export type WireItem = Record<string, Wire>
export type Item = Record<string, unknown>

export function marshallItem(item: object): WireItem {
  const wire: WireItem = {}
  for (const [name, value] of Object.entries(item)) if (value !== undefined) wire[name] = marshall(value)
  return wire
}

function marshall(value: unknown): Wire {
  switch (typeof value) {
    case 'string':
      return { S: value }
    case 'number':
      return { N: String(value) }
    case 'boolean':
      return { BOOL: value }
  }
  if (Array.isArray(value)) return { L: value.filter((one) => one !== undefined).map(marshall) }
  if (value instanceof Set) return { NS: [...value].map(String) }
  if (typeof value === 'object' && value !== null) return { M: marshallItem(value) }
  throw new TypeError(`a value of type ${value === null ? 'null' : typeof value} is not stored`)
}

export function unmarshallItem(wire: WireItem): Item {
  return Object.fromEntries(Object.entries(wire).map(([name, value]) => [name, unmarshall(value)]))
}

function unmarshall(wire: Wire): unknown {
  if ('S' in wire) return wire.S
  if ('N' in wire) return Number(wire.N)
  if ('BOOL' in wire) return wire.BOOL
  if ('M' in wire) return unmarshallItem(wire.M)
  if ('L' in wire) return wire.L.map(unmarshall)
  if ('NS' in wire) return new Set(wire.NS.map(Number))
  throw new TypeError(`an attribute of type ${Object.keys(wire)} is not read here`)
}
