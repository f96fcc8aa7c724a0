/** What sends: the minute tick and the paced turns. */
import { type StackContext, use } from 'sst/constructs'
import { api } from './api.ts'
import { data } from './data.ts'
import { type Functions, renderFunctions } from './render.ts'

export function broadcast({ stack }: StackContext): { functions: Functions } {
  return { functions: renderFunctions(stack, ['launch', 'send'], { ...use(data), ...use(api) }) }
}
