// Written by "npm run generate" from the files under functions/api/routes. Do not edit.
import { redriveQueueRoute } from '../routes/queues/redrive-queue.ts'
import { listTaskTypesRoute } from '../routes/service/list-task-types.ts'
import { cancelTaskRoute } from '../routes/tasks/cancel-task.ts'
import { explainTaskRoute } from '../routes/tasks/explain-task.ts'
import { getTaskRoute } from '../routes/tasks/get-task.ts'
import { listTasksRoute } from '../routes/tasks/list-tasks.ts'
import { retryTaskRoute } from '../routes/tasks/retry-task.ts'
import { getWorkflowRoute } from '../routes/workflows/get-workflow.ts'
import { submitWorkflowRoute } from '../routes/workflows/submit-workflow.ts'
import type { RouteTool } from './call-route.ts'

export const ROUTE_TOOLS: readonly RouteTool[] = [
  {
    route: redriveQueueRoute,
    input: {"type":"object","properties":{"lane":{"type":"string","enum":["ai","documents","demo","email","urgent"]},"type":{"description":"Only tasks of this type.","type":"string","minLength":1,"maxLength":100},"error_code":{"description":"Only tasks that failed with this code.","type":"string","minLength":1,"maxLength":100},"failed_after":{"description":"RFC 3339, inclusive.","type":"string","format":"date-time"},"failed_before":{"description":"RFC 3339, inclusive.","type":"string","format":"date-time"},"created_after":{"description":"RFC 3339, inclusive; tasks outside are not even read.","type":"string","format":"date-time"},"created_before":{"description":"RFC 3339, inclusive; tasks outside are not even read.","type":"string","format":"date-time"},"cursor":{"description":"next_cursor of the previous call, to continue after the tasks that it started.","type":"string","pattern":"^[\\w-]{1,200}$"},"dry_run":{"default":true,"description":"Count only, change nothing.","type":"boolean"},"delete_unreadable":{"default":false,"description":"Delete the messages of the dead-letter queue that no worker can read; a dry run lists them.","type":"boolean"},"limit":{"default":1000,"description":"Start at most this many.","type":"integer","minimum":1,"maximum":5000},"pace_per_second":{"description":"Start at most this many per second. limit / pace_per_second is at most 900 s.","type":"number","minimum":0.1,"maximum":500}},"required":["lane"],"additionalProperties":false},
  },
  {
    route: listTaskTypesRoute,
    input: {"type":"object","properties":{},"additionalProperties":false},
  },
  {
    route: cancelTaskRoute,
    input: {"type":"object","properties":{"id":{"type":"string","description":"Id of the task."}},"required":["id"],"additionalProperties":false},
  },
  {
    route: explainTaskRoute,
    input: {"type":"object","properties":{"id":{"type":"string","description":"Id of the task."}},"required":["id"],"additionalProperties":false},
  },
  {
    route: getTaskRoute,
    input: {"type":"object","properties":{"id":{"type":"string","description":"Id of the task."},"wait":{"default":0,"description":"Seconds to wait for the end of the task; with If-None-Match, for its next change. When the time is over, the present task is returned.","type":"integer","minimum":0,"maximum":25}},"required":["id"],"additionalProperties":false},
  },
  {
    route: listTasksRoute,
    input: {"type":"object","properties":{"status":{"type":"string","enum":["SCHEDULED","PENDING","PROCESSING","RETRYING","COMPLETED","FAILED","CANCELLED","EXPIRED"]},"type":{"type":"string","minLength":1,"maxLength":100},"lane":{"type":"string","enum":["ai","documents","demo","email","urgent"]},"tag":{"type":"string","minLength":1,"maxLength":64},"created_after":{"description":"RFC 3339, inclusive.","type":"string","format":"date-time"},"created_before":{"description":"RFC 3339, inclusive.","type":"string","format":"date-time"},"limit":{"default":20,"type":"integer","minimum":1,"maximum":100},"cursor":{"description":"next_cursor of the previous page.","type":"string","pattern":"^[\\w-]{1,200}$"},"ids":{"description":"These tasks in this order instead of a page; unknown ids are left out.","type":"string","pattern":"^[^,]{1,64}(,[^,]{1,64}){0,99}$"},"wait":{"default":0,"description":"With ids: seconds to wait until one of them has ended.","type":"integer","minimum":0,"maximum":25}},"additionalProperties":false},
  },
  {
    route: retryTaskRoute,
    input: {"type":"object","properties":{"id":{"type":"string","description":"Id of the task."},"from_start":{"default":false,"description":"Discard the finished steps and run everything again.","type":"boolean"}},"required":["id"],"additionalProperties":false},
  },
  {
    route: getWorkflowRoute,
    input: {"type":"object","properties":{"id":{"type":"string","description":"Id of the workflow."},"format":{"default":"json","type":"string","enum":["json","mermaid"]}},"required":["id"],"additionalProperties":false},
  },
  {
    route: submitWorkflowRoute,
    input: {"type":"object","properties":{"name":{"type":"string","minLength":1,"maxLength":100},"chain":{"description":"One after the other.","maxItems":500,"type":"array","items":{"$ref":"#/$defs/WorkflowStep"}},"group":{"description":"Side by side.","maxItems":10000,"type":"array","items":{"$ref":"#/$defs/WorkflowStep"}},"chord":{"description":"Side by side, then one with all results.","type":"object","properties":{"group":{"maxItems":10000,"type":"array","items":{"$ref":"#/$defs/WorkflowStep"}},"then":{"$ref":"#/$defs/WorkflowStep"}},"required":["group","then"],"additionalProperties":false},"steps":{"description":"By name, each after those it names.","type":"object","propertyNames":{"type":"string"},"additionalProperties":{"$ref":"#/$defs/WorkflowStep"}},"on_failure":{"default":"fail_fast","type":"string","enum":["fail_fast","continue"]},"timeout_seconds":{"description":"Of the whole.","type":"number","minimum":1,"maximum":2592000},"tags":{"default":[],"maxItems":20,"type":"array","items":{"type":"string","minLength":1,"maxLength":64}}},"additionalProperties":false,"$defs":{"WorkflowStep":{"type":"object","properties":{"name":{"description":"Name of the step in references.","type":"string"},"after":{"description":"With named steps: the steps that must end before.","maxItems":500,"type":"array","items":{"type":"string"}},"if":{"type":"object","properties":{"$from":{"type":"string","description":"A reference, e.g. check.result.ok."},"default":{},"equals":{},"not_equals":{},"in":{"maxItems":100,"type":"array","items":{}},"greater_than":{"type":"number"},"less_than":{"type":"number"}},"required":["$from"],"additionalProperties":false},"wait":{"description":"Instead of a task: waits for a call to /signals/{signal}.","type":"object","properties":{"signal":{"type":"string","pattern":"^[A-Za-z][\\w-]{0,39}$"},"timeout_seconds":{"type":"number","minimum":1,"maximum":2592000},"on_timeout":{"default":"fail","type":"string","enum":["fail","continue"]}},"required":["signal"],"additionalProperties":false},"type":{"type":"string"},"input":{"description":"May contain {\"$from\": \"step.result.field\"}, and one {\"$each\": \"step.result.list\"}."},"chain":{"maxItems":500,"type":"array","items":{"$ref":"#/$defs/WorkflowStep"}},"group":{"maxItems":10000,"type":"array","items":{"$ref":"#/$defs/WorkflowStep"}},"chord":{"type":"object","properties":{"group":{"maxItems":10000,"type":"array","items":{"$ref":"#/$defs/WorkflowStep"}},"then":{"$ref":"#/$defs/WorkflowStep"}},"required":["group","then"],"additionalProperties":false}},"additionalProperties":{}}}},
  },
]
