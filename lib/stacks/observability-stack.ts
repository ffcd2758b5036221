import {
  Annotations,
  CfnOutput,
  CrossStackReferences,
  ReferenceStrength,
  Stack,
  type StackProps,
} from 'aws-cdk-lib'
import { CfnQueryDefinition } from 'aws-cdk-lib/aws-logs'
import type { Construct } from 'constructs'
import { LANES } from '../../functions/contract.ts'
import { metricCount } from '../costs/estimate.ts'
import { PRICES } from '../costs/prices.ts'
import { Alarms } from '../observability/alarms.ts'
import { addBudget } from '../observability/budget.ts'
import { Dashboards } from '../observability/dashboards.ts'
import { QUERIES } from '../observability/queries.ts'
import type { StageSettings } from '../stages/stage-schema.ts'
import type { StatefulStack } from './stateful-stack.ts'
import type { StatelessStack } from './stateless-stack.ts'

export interface ObservabilityStackProps extends StackProps {
  readonly stage: StageSettings
  readonly stateful: StatefulStack
  readonly stateless: StatelessStack
  /** Watched resources can be removed in the same deployment. */
  readonly usesWeakReferences: boolean
}

/** Watches the other two stacks and can be replaced without changing them: dashboards, alarms, topics, saved queries. */
export class ObservabilityStack extends Stack {
  constructor(
    scope: Construct,
    id: string,
    { stage, stateful, stateless, usesWeakReferences, ...props }: ObservabilityStackProps,
  ) {
    super(scope, id, props)
    if (usesWeakReferences) CrossStackReferences.of(this).consume(ReferenceStrength.WEAK)
    const { hasAllAlarms, spendUsdPerHour, runbookUrl, alarmSubscriptions } = stage.observability
    if (!stage.isOpen) {
      const count = metricCount(stage)
      Annotations.of(this).addInfo(
        `${count} metrics of ours can arise, which cost ${(count * PRICES.metric).toFixed(2)} USD a month if all are seen all the time. The whole bill: npm run cost.`,
      )
    }
    const watched = {
      stageName: stage.name,
      api: stateless.taskApi.api,
      providers: stage.models.providers,
      lanes: LANES.map((name) => ({
        name,
        queue: stateless.lanes[name].queue,
        deadLetters: stateful.deadLetters[name],
        worker: stateless.lanes[name].worker.function,
      })),
    }
    const logs = {
      workers: LANES.map((lane) => stateless.lanes[lane].worker.logGroupName),
      api: Object.values(stateless.functions).map(({ logGroupName }) => logGroupName),
      background: [stateless.sweeper.sweep, stateless.advancer.advance, stateless.sender.send].map(
        ({ logGroupName }) => logGroupName,
      ),
    }
    const alarms = new Alarms(this, 'Alarms', {
      ...watched,
      sweeper: stage.sweeper,
      background: {
        advance: stateless.advancer.advance.function,
        send: stateless.sender.send.function,
        sweep: stateless.sweeper.sweep.function,
      },
      hasAllAlarms,
      spendUsdPerHour,
      subscriptions: alarmSubscriptions,
      runbookUrl,
    })
    const { overview } = new Dashboards(this, 'Dashboards', {
      ...watched,
      alarms,
      spendUsdPerHour,
      runbookUrl,
      workerLogs: logs.workers,
      taskTableArn: stateless.ops['ops-view'].live.functionArn,
    })
    for (const [key, { title, from, lines }] of hasAllAlarms ? Object.entries(QUERIES) : [])
      new CfnQueryDefinition(this, `Query-${key}`, {
        name: `TaskRunner-${stage.name}/${title}`,
        queryString: lines.join('\n| '),
        logGroupNames: from === 'all' ? [...logs.workers, ...logs.api, ...logs.background] : [...logs[from]],
      })
    const url = `https://${this.region}.${CONSOLES[partitionOf(stage.region)]}/cloudwatch/home#dashboards:name=${overview.dashboardName}`
    if (stage.budget) addBudget(this, stage.name, stage.budget)
    new CfnOutput(this, 'DashboardUrl', { value: url })
    for (const [severity, { topicArn }] of Object.entries(alarms.topics))
      new CfnOutput(this, `${severity}TopicArn`, { value: topicArn, description: 'Subscribe to be told' })
  }
}

/** Hosts of the AWS console, by partition. */
const CONSOLES = {
  aws: 'console.aws.amazon.com',
  'aws-cn': 'console.amazonaws.cn',
  'aws-us-gov': 'console.amazonaws-us-gov.com',
} as const

const partitionOf = (region = ''): keyof typeof CONSOLES =>
  region.startsWith('cn-') ? 'aws-cn' : region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws'
