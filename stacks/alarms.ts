/** What wakes somebody up. Set PASSALONG_ALARM_EMAIL to be told; the alarms are there either way. */
import { Alarm, ComparisonOperator, type Metric, Stats, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch'
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions'
import { ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { FilterPattern, MetricFilter } from 'aws-cdk-lib/aws-logs'
import { Topic } from 'aws-cdk-lib/aws-sns'
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions'
import { Duration } from 'aws-cdk-lib/core'
import { type StackContext, use } from 'sst/constructs'
import type { QueueName } from '../shared/env.ts'
import { api } from './api.ts'
import { broadcast } from './broadcast.ts'
import { data } from './data.ts'
import { track } from './track.ts'

/** A turn may wait 15 minutes by design; a spilled hit should be back at once. */
const oldestMessageSeconds: Record<QueueName, number> = { turns: 1800, spill: 300 }
const iteratorAgeMs = 300_000

export function alarms({ app, stack }: StackContext): void {
  const { queues } = use(data)
  const functions = { ...use(api).functions, ...use(track).functions, ...use(broadcast).functions }
  const topic = new Topic(stack, 'alarm', { enforceSSL: true })
  topic.grantPublish(new ServicePrincipal('cloudwatch.amazonaws.com'))
  const { PASSALONG_ALARM_EMAIL: email } = process.env
  if (email) topic.addSubscription(new EmailSubscription(email))

  const alarmAbove = (id: string, metric: Metric, threshold: number): void =>
    new Alarm(stack, id, {
      alarmName: app.logicalPrefixedName(id),
      metric,
      threshold,
      evaluationPeriods: 1,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    }).addAlarmAction(new SnsAction(topic))

  for (const [name, queue] of Object.entries(queues)) {
    alarmAbove(`${name}-age`, queue.metricApproximateAgeOfOldestMessage(), oldestMessageSeconds[name as QueueName])
    alarmAbove(`${name}-dead`, queue.deadLetterQueue!.queue.metricApproximateNumberOfMessagesVisible(), 0)
  }
  for (const [name, fn] of Object.entries(functions)) alarmAbove(`${name}-errors`, fn.metricErrors(), 0)
  alarmAbove('rollup-age', functions.rollup!.metric('IteratorAge', { statistic: Stats.MAXIMUM }), iteratorAgeMs)

  const untracked = new MetricFilter(stack, 'untracked', {
    logGroup: functions.redirect!.logGroup,
    filterPattern: FilterPattern.stringValue('$.event', '=', 'hit.untracked'),
    metricNamespace: app.logicalPrefixedName('hits'),
    metricName: 'untracked',
    metricValue: '$.count',
  })
  alarmAbove('hits-untracked', untracked.metric({ statistic: Stats.SUM, period: Duration.minutes(1) }), 0)
}
