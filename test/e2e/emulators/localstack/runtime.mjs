/**
 * An execution environment of launch.py: loads the handler, then answers each line of standard input with a line on
 * a separate pipe. The function's output goes to its log.
 */
import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'

const answers = Number(process.env.ANSWERS_DESCRIPTOR)
const say = (answer) => {
  let bytes = Buffer.from(`${JSON.stringify(answer)}\n`)
  while (bytes.length > 0) bytes = bytes.subarray(writeSync(answers, bytes))
}
const { _HANDLER: name = '', LAMBDA_TASK_ROOT: root = '', AWS_LAMBDA_FUNCTION_NAME } = process.env
const [file, exported] = name.split('.')
const module = await import(pathToFileURL(join(root, `${file}.mjs`)).href)
const handler = module[exported ?? '']
say({ ready: true })

for await (const line of createInterface({ input: process.stdin })) {
  const event = JSON.parse(line)
  const context = {
    awsRequestId: event['invoke-id'],
    invokedFunctionArn: event['invoked-function-arn'],
    functionName: AWS_LAMBDA_FUNCTION_NAME,
    getRemainingTimeInMillis: () => Math.max(0, event.deadline - Date.now()),
  }
  try {
    const result = await handler(JSON.parse(event.payload || '{}'), context)
    say({ result: JSON.stringify(result ?? null) })
  } catch (cause) {
    const { name: errorType, message: errorMessage, stack } = cause
    say({ error: { errorType, errorMessage, trace: stack?.split('\n') ?? [] } })
  }
}
