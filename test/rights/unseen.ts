const LAMBDA = 'Lambda itself asks for it when it feeds the function from the queue.'
const LARGE =
  'An input, output or result above what a row holds; the code is that of api-writes and of the workers, where it is seen.'
const EITHER = 'One list reads either index, by whether a status is asked for.'
const DEAD = 'A redrive deletes the dead letters of tasks that have moved on; that of api-operate is seen.'
const SWEPT =
  'What is left to do when a process died on that very line: test/faults/lifecycle.test.ts and step-deaths show it on doubles.'

/** Rights that no running test uses, each with who does. A new one stands here only with a reason as good. */
export const UNSEEN: Readonly<Record<string, string>> = {
  'AdvancerAdvanceFunction: s3:GetObject on PayloadsBucket/payload/*': LARGE,
  'AdvancerAdvanceFunction: s3:PutObject on PayloadsBucket/payload/*': LARGE,
  'AdvancerAdvanceFunction: sqs:GetQueueAttributes on WorkflowsQueue': LAMBDA,
  'AdvancerAdvanceFunction: sqs:SendMessage on WebhooksQueue':
    'A workflow’s own end is told: test/unit/webhook-delivery.test.ts.',
  'AdvancerAdvanceFunction: sqs:SendMessage on WorkflowsQueue':
    'A step of more children than one call makes.',
  'CleanerCleanUpFunction: dynamodb:DeleteItem on TasksTable': 'Once a day, on rows past their retention.',
  'CleanerCleanUpFunction: dynamodb:Query on TasksTable': 'Once a day, on rows past their retention.',
  'CleanerCleanUpFunction: s3:DeleteObject on PayloadsBucket/payload/*':
    'Once a day, on rows past their retention.',
  'EventsFunction: s3:GetObject on PayloadsBucket/payload/*': LARGE,
  'FlowsFunction: s3:GetObject on PayloadsBucket/payload/*': LARGE,
  'FlowsFunction: s3:PutObject on PayloadsBucket/payload/*': LARGE,
  'McpFunction: dynamodb:Query on TasksTable/index/due': 'A redrive by an agent looks for what is due.',
  'McpFunction: s3:GetObject on PayloadsBucket/payload/*': LARGE,
  'McpFunction: s3:PutObject on PayloadsBucket/payload/*': LARGE,
  'McpFunction: sqs:ChangeMessageVisibility on deadletters*Queue':
    'A redrive that leaves a dead letter shows it again.',
  'McpFunction: sqs:DeleteMessage on deadletters*Queue': DEAD,
  'McpFunction: sqs:SendMessage on WebhooksQueue': 'A cancel by an agent of a task with a webhook.',
  'McpFunction: sqs:SendMessage on WorkflowsQueue': 'A cancel by an agent of a task of a workflow.',
  'McpFunction: dynamodb:Query on TasksTable/index/state': EITHER,
  'OperateFunction: dynamodb:Query on TasksTable/index/list': EITHER,
  'OperateFunction: dynamodb:Query on TasksTable/index/state': EITHER,
  'OpsActionFunction: dynamodb:Query on TasksTable/index/list': EITHER,
  'OpsActionFunction: dynamodb:Query on TasksTable/index/state': EITHER,
  'OpsActionFunction: sqs:DeleteMessage on deadletters*Queue': DEAD,
  'OpsViewFunction: dynamodb:Query on TasksTable/index/state': EITHER,
  'OpsActionFunction: sqs:ChangeMessageVisibility on deadletters*Queue':
    'A redrive that leaves a dead letter shows it again.',
  'ReadsFunction: dynamodb:Query on TasksTable/index/due': 'How many are before a task that waits.',
  'ReadsFunction: dynamodb:Query on TasksTable/index/state': EITHER,
  'SweeperSweepFunction: dynamodb:BatchGetItem on TasksTable': 'Many that are due in one minute.',
  'SweeperSweepFunction: dynamodb:DeleteItem on TasksTable where dynamodb:LeadingKeys is H#default':
    'Counts of an hour that is long over.',
  'SweeperSweepFunction: s3:PutObject on PayloadsBucket/payload/*': LARGE,
  'SweeperSweepFunction: sqs:SendMessage on WebhooksQueue': SWEPT,
  'SweeperSweepFunction: sqs:SendMessage on WorkflowsQueue': SWEPT,
  'SweeperSweepFunction: sqs:SendMessage on deadletters*Queue': SWEPT,
  'WebhookSendFunction: s3:GetObject on PayloadsBucket/payload/*': LARGE,
  'WebhookSendFunction: sqs:GetQueueAttributes on WebhooksQueue': LAMBDA,
  'WorkerFunction: sqs:GetQueueAttributes on lane*Queue': LAMBDA,
  'WritesFunction: sqs:SendMessage on WorkflowsQueue': 'A cancel of a task of a workflow.',
}

/** Besides them, Lambda itself writes each function’s log, and S3 asks for a tenant’s key in the function’s name. */
export const isUnseen = (line: string): boolean =>
  line in UNSEEN || / logs:/.test(line) || / kms:\w+ on \S+ where kms:ViaService is /.test(line)
