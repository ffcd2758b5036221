/** Queries for CloudWatch Logs Insights: saved under these names; dashboards show some of them. */
export const QUERIES = {
  slowest: {
    title: 'Slowest tasks',
    from: 'workers',
    lines: [
      'fields @timestamp, message.run_ms, message.type, message.lane, message.task_id',
      'filter message.event = "task.completed"',
      'sort message.run_ms desc',
      'limit 20',
    ],
  },
  failing: {
    title: 'What fails',
    from: 'workers',
    lines: [
      'filter message.event = "task.failed"',
      'stats count(*) as failures, latest(message.task_id) as last_task by message.type, message.code',
      'sort failures desc',
      'limit 20',
    ],
  },
  retried: {
    title: 'Most retried tasks',
    from: 'workers',
    lines: [
      'filter message.event = "task.retrying"',
      'stats count(*) as retries, latest(message.code) as last_code by message.task_id',
      'sort retries desc',
      'limit 20',
    ],
  },
  oneTask: {
    title: 'One task, step by step',
    from: 'all',
    lines: [
      'fields @timestamp, message.event, message.attempt, message.epoch, message.code',
      'filter message.task_id = "put-the-task-id-here"',
      'sort @timestamp asc',
      'limit 200',
    ],
  },
  apiFailures: {
    title: 'Requests that ended in 5xx',
    from: 'api',
    lines: [
      'fields @timestamp, message.status, message.path, message.cause',
      'filter message.event = "http.failed"',
      'sort @timestamp desc',
      'limit 50',
    ],
  },
  crashes: {
    title: 'Workers that died or threw',
    from: 'workers',
    lines: [
      'fields @timestamp, level, message.errorType, message.errorMessage, record.status',
      'filter ispresent(message.errorType) or record.status in ["error", "timeout", "failure"]',
      'sort @timestamp desc',
      'limit 50',
    ],
  },
} as const satisfies Readonly<
  Record<
    string,
    { readonly title: string; readonly from: 'workers' | 'api' | 'all'; readonly lines: readonly string[] }
  >
>
