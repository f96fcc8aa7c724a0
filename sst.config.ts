/** Passalong on AWS: the stacks, in the order they are built. Each renders its part of shared/topology.ts. */
import type { SSTConfig } from 'sst'
import { alarms } from './stacks/alarms.ts'
import { api } from './stacks/api.ts'
import { broadcast } from './stacks/broadcast.ts'
import { data } from './stacks/data.ts'
import { track } from './stacks/track.ts'

export default {
  config: () => ({ name: 'passalong', region: process.env.AWS_REGION ?? 'eu-west-3' }),
  stacks(app) {
    app.stack(data).stack(api).stack(track).stack(broadcast).stack(alarms)
  },
} satisfies SSTConfig
