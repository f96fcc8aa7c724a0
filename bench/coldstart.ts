/**
 * What the redirect weighs and how long it takes to load: its bundle as it is deployed, and the life of a process that
 * imports it ÷ one that imports an empty module; fresh processes in turn, medians.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { median } from './median.ts'

export interface ColdStart {
  bundle_bytes: number
  import_ratio: number
}

const runs = 25

export async function benchColdStart(say: (text: string) => void): Promise<ColdStart> {
  const folder = mkdtempSync(join(tmpdir(), 'passalong-bench-'))
  try {
    const bundle = join(folder, 'redirect.mjs')
    await bundleRedirect(bundle)
    const bare = join(folder, 'bare.mjs')
    writeFileSync(bare, 'export const handler = () => {}\n')
    const pairs = Array.from({ length: runs }, () => [lifeMs(bare), lifeMs(bundle)] as const)
    const base = median(pairs.map(([one]) => one))
    const complete = median(pairs.map(([, other]) => other))
    say(`an empty module ${base.toFixed(1)} ms, the redirect ${complete.toFixed(1)} ms`)
    return { bundle_bytes: statSync(bundle).size, import_ratio: Number((complete / base).toFixed(3)) }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** As SST bundles a function: one ES module; `require` is made for the CommonJS library in it. */
async function bundleRedirect(outfile: string): Promise<void> {
  await build({
    entryPoints: [new URL('../functions/track/redirect.ts', import.meta.url).pathname],
    bundle: true,
    minify: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    banner: { js: "import{createRequire as r}from'node:module';const require=r(import.meta.url);" },
    outfile,
  })
}

function lifeMs(file: string): number {
  const startedAt = performance.now()
  const { status } = spawnSync(process.execPath, [file], { stdio: 'inherit' })
  if (status !== 0) throw new Error(`${file} ended with ${status}`)
  return performance.now() - startedAt
}
