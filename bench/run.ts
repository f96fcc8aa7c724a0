/**
 * `npm run bench -- redirect|coldstart [--json]`: what was measured, against bench/budgets.json. Data on stdout,
 * progress on stderr; the last line is JSON with `--json`. Ends with 1 when a budget is not kept, 2 when asked wrongly.
 */
import budgets from './budgets.json' with { type: 'json' }

type Say = (text: string) => void

/** Loaded when asked for: the cold start alone needs a development dependency. */
const benches = {
  redirect: async (say: Say) => (await import('./redirect.ts')).benchRedirect(say),
  coldstart: async (say: Say) => (await import('./coldstart.ts')).benchColdStart(say),
}
type BenchName = keyof typeof benches
type Budget = Record<string, { least?: number; most?: number }>

const words = process.argv.slice(2).filter((word) => word !== '--json')
const json = process.argv.includes('--json')

function isBench(word: string | undefined): word is BenchName {
  return word !== undefined && Object.hasOwn(benches, word)
}

function broken(budget: Budget, results: Record<string, unknown>): string[] {
  return Object.entries(budget).flatMap(([name, { least = -Infinity, most = Infinity }]) => {
    const value = results[name] as number
    return value >= least && value <= most ? [] : [`${name} is ${value}, the budget ${least}..${most}`]
  })
}

async function run(name: BenchName): Promise<number> {
  const results = { ...(await benches[name]((text) => console.error(text))) }
  console.log(json ? JSON.stringify(results) : JSON.stringify(results, null, 2))
  const misses = broken(budgets[name], results)
  for (const miss of misses) console.error(`Over budget: ${miss}`)
  return misses.length === 0 ? 0 : 1
}

const [name] = words
if (words.length === 1 && isBench(name)) {
  process.exitCode = await run(name).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
    console.error('This bench needs the development dependencies: run npm ci first.')
    return 2
  })
} else {
  console.error(`Usage: npm run bench -- ${Object.keys(benches).join('|')} [--json]`)
  process.exitCode = 2
}
