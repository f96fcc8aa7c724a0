/** What the public meets, and what counts it: redirect, relay page, spill recovery, roll-up. */
import { type StackContext, use } from 'sst/constructs'
import { api } from './api.ts'
import { data } from './data.ts'
import { type Functions, renderFunctions } from './render.ts'

export function track({ stack }: StackContext): { functions: Functions } {
  const platform = { ...use(data), ...use(api) }
  return { functions: renderFunctions(stack, ['redirect', 'page', 'recover', 'rollup'], platform) }
}
