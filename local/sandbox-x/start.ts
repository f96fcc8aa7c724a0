/** Puts sandbox X together: journal, state, people, server. */
import type { AddressInfo } from 'node:net'
import type { Clock } from '../../shared/ports/clock.ts'
import { openJournal } from './journal.ts'
import { type Limits, type WindowKind, xLimits } from './limits.ts'
import type { Misbehaviour } from './misbehaviour.ts'
import { createLinkOpener } from './open-links.ts'
import { serveSandbox } from './server.ts'
import { createState, type Entry, type SandboxPost, type SandboxUser } from './state.ts'

/** The account that is always there; `POST /sandbox/connect` answers its tokens. */
export const sandboxAccount: SandboxUser = { id: '1000001', username: 'atelier_demo', name: 'Atelier Demo' }

export interface SandboxOptions {
  clock: Clock
  /** 0, which is the default, takes any free port. */
  port?: number
  /** Journal from which everything is rebuilt on start; without it, memory. */
  file?: string
  misbehave?: Misbehaviour
  limits?: Partial<Limits>
  window?: WindowKind
  /** Other accounts and people. Anybody can be messaged, known here or not. */
  users?: readonly SandboxUser[]
  posts?: readonly SandboxPost[]
  /** Open links in fresh messages as X does, on this machine only. */
  openLinks?: string
}

export interface RunningSandbox {
  url: string
  port: number
  stop(): Promise<void>
}

export async function startSandboxX(options: SandboxOptions): Promise<RunningSandbox> {
  const state = createState({ ...xLimits, ...options.limits }, options.window ?? 'anchored')
  const journal = openJournal<Entry>(options.file, state.apply)
  const record = (entry: Entry): void => {
    journal.append(entry)
    state.apply(entry)
  }
  if (options.misbehave) record({ type: 'script', script: options.misbehave })
  const users = new Map([sandboxAccount, ...(options.users ?? [])].map((user) => [user.id, user]))
  const posts = new Map((options.posts ?? []).map((post) => [post.id, post]))
  const opener = options.openLinks === undefined ? undefined : createLinkOpener(options.openLinks)
  const server = serveSandbox({ clock: options.clock, state, record, users, posts, codes: new Map(), opener })
  await new Promise<void>((listening, failed) => {
    server.once('error', failed).listen(options.port ?? 0, '127.0.0.1', listening)
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    stop: async () => {
      const closed = new Promise<void>((done) => server.close(() => done()))
      server.closeAllConnections()
      await closed
      opener?.close()
      journal.close()
    },
  }
}
