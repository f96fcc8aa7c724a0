/**
 * Draws shared/topology.ts into docs/architecture.md, between its two markers.
 *
 *     node scripts/diagram.ts           writes it
 *     node scripts/diagram.ts --check   fails when it is out of date
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { type FunctionSpec, functions, queues, type Trigger, tables } from '../shared/topology.ts'

const file = new URL('../docs/architecture.md', import.meta.url)
const [start, end] = ['<!-- diagram: made by scripts/diagram.ts -->', '<!-- /diagram -->']
const reading = /^(GetItem|BatchGetItem|Query)$/

/** `-->` writes, `-.->` reads, `==>` is the stream. */
function diagram(): string {
  const specs = Object.entries<FunctionSpec>(functions)
  return [
    '```mermaid',
    'flowchart LR',
    ...Object.keys(tables).map((name) => `  ${name}[(${name})]`),
    ...Object.keys(queues).map((name) => `  ${name}{{${name}}}`),
    ...specs.map(([name]) => `  ${name}_fn["${name}"]`),
    ...specs.flatMap(([name, spec]) => edgesOf(`${name}_fn`, name, spec)),
    '```',
  ].join('\n')
}

function edgesOf(node: string, name: string, { trigger, grants, sends, callsX }: FunctionSpec): string[] {
  const tableEdges = Object.entries(grants).map(([table, actions]) =>
    actions.every((action) => reading.test(action)) ? `  ${table} -.-> ${node}` : `  ${node} --> ${table}`,
  )
  return [
    `  ${sourceOf(name, trigger)} ${node}`,
    ...tableEdges,
    ...sends.map((queue) => `  ${node} --> ${queue}`),
    ...(callsX ? [`  ${node} --> x((X))`] : []),
  ]
}

function sourceOf(name: string, trigger: Trigger): string {
  switch (trigger.kind) {
    case 'http':
      return `${name}_http(["${trigger.routes.join('<br>')}"]) -->`
    case 'queue':
      return `${trigger.queue} -->`
    case 'stream':
      return `${trigger.table} ==>`
    case 'schedule':
      return 'clock((clock)) -->'
  }
}

function redrawn(document: string): string {
  const [from, to] = [document.indexOf(start), document.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`docs/architecture.md has lost its markers: ${start} … ${end}`)
  return `${document.slice(0, from)}${start}\n${diagram()}\n${document.slice(to)}`
}

if (import.meta.main) {
  const document = readFileSync(file, 'utf8')
  const wanted = redrawn(document)
  if (!process.argv.includes('--check')) writeFileSync(file, wanted)
  else if (document !== wanted) {
    console.error('docs/architecture.md is out of date: run node scripts/diagram.ts')
    process.exitCode = 1
  }
}
