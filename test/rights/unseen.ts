const LAMBDA = 'Lambda itself uses it to invoke the function with messages of the queue.'
const LARGE =
  'An input, output or result too large for a row; the code is that of api-writes and of the workers, where it is used.'
const EITHER = 'One list reads either index, depending on whether a status is given.'
const DEAD = 'A redrive deletes dead letters of tasks that were restarted; api-operate uses its right.'
const SWEPT =
  'Repair after a process died at that line: test/faults/lifecycle.test.ts and step-deaths test it with in-memory doubles.'

/** Rights that no running test uses, each with its user. A new line needs an equally good reason. */
export const UNSEEN: Readonly<Record<string, string>> = {
  'AdvancerAdvanceFunction: s3:GetObject on PayloadsBucket/payload/*': LARGE,
  'AdvancerAdvanceFunction: s3:PutObject on PayloadsBucket/payload/*': LARGE,
  'AdvancerAdvanceFunction: sqs:GetQueueAttributes on WorkflowsQueue': LAMBDA,
  'AdvancerAdvanceFunction: sqs:SendMessage on WebhooksQueue':
    'A webhook about the end of a workflow: test/unit/webhook-delivery.test.ts.',
  'AdvancerAdvanceFunction: sqs:SendMessage on WorkflowsQueue':
    'A step with more tasks than one call creates.',
  'CleanerCleanUpFunction: dynamodb:DeleteItem on TasksTable': 'Once a day, on rows past their retention.',
  'CleanerCleanUpFunction: dynamodb:Query on TasksTable': 'Once a day, on rows past their retention.',
  'CleanerCleanUpFunction: s3:DeleteObject on PayloadsBucket/payload/*':
    'Once a day, on rows past their retention.',
  'EventsFunction: s3:GetObject on PayloadsBucket/payload/*': LARGE,
  'FlowsFunction: s3:GetObject on PayloadsBucket/payload/*': LARGE,
  'FlowsFunction: s3:PutObject on PayloadsBucket/payload/*': LARGE,
  'McpFunction: dynamodb:Query on TasksTable/index/due': 'A redrive by an agent reads due rows.',
  'McpFunction: s3:GetObject on PayloadsBucket/payload/*': LARGE,
  'McpFunction: s3:PutObject on PayloadsBucket/payload/*': LARGE,
  'McpFunction: sqs:ChangeMessageVisibility on deadletters*Queue':
    'A redrive that keeps a dead letter makes it visible again.',
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
    'A redrive that keeps a dead letter makes it visible again.',
  'ReadsFunction: dynamodb:Query on TasksTable/index/due': 'The number of tasks before a waiting task.',
  'ReadsFunction: dynamodb:Query on TasksTable/index/state': EITHER,
  'SweeperSweepFunction: dynamodb:BatchGetItem on TasksTable': 'Many tasks that are due in one minute.',
  'SweeperSweepFunction: dynamodb:DeleteItem on TasksTable where dynamodb:LeadingKeys is H#default':
    'Counts of an hour that has expired.',
  'SweeperSweepFunction: s3:PutObject on PayloadsBucket/payload/*': LARGE,
  'SweeperSweepFunction: sqs:SendMessage on WebhooksQueue': SWEPT,
  'SweeperSweepFunction: sqs:SendMessage on WorkflowsQueue': SWEPT,
  'SweeperSweepFunction: sqs:SendMessage on deadletters*Queue': SWEPT,
  'WebhookSendFunction: s3:GetObject on PayloadsBucket/payload/*': LARGE,
  'WebhookSendFunction: sqs:GetQueueAttributes on WebhooksQueue': LAMBDA,
  'WorkerFunction: sqs:GetQueueAttributes on lane*Queue': LAMBDA,
  'WritesFunction: sqs:SendMessage on WorkflowsQueue': 'A cancel of a task of a workflow.',
}

/** In addition, Lambda itself writes each function’s log, and S3 uses a tenant’s key on behalf of the function. */
export const isUnseen = (line: string): boolean =>
  line in UNSEEN || / logs:/.test(line) || / kms:\w+ on \S+ where kms:ViaService is /.test(line)
