import { join } from 'node:path'
import type { FunctionPlan } from '../template/plan.ts'
import type {
  EnvironmentMessage,
  EnvironmentOrder,
  InvocationOrder,
  LambdaError,
  TakenOrder,
} from './environment-messages.ts'

/** Where the code of one execution environment runs: a thread of this process, or a process of its own. */
export interface Sandbox {
  /** More than this in three looks in a row ends the environment. */
  readonly mostMb: number
  /** Whether there is one: without descriptors, processes or memory left there is not, and nothing has run. */
  readonly isThere: Promise<boolean>
  post(order: InvocationOrder | TakenOrder): void
  /** What its code has in memory; undefined when nobody can tell. */
  usedMb(): Promise<number | undefined>
  /** Ends it at once, in the middle of whatever it does. */
  end(): Promise<void>
}

export interface SandboxEvents {
  readonly onMessage: (message: EnvironmentMessage) => void
  /** A line that its code did not write through the console. */
  readonly onLine: (line: string) => void
  readonly onEnd: (error: LambdaError) => void
}

export interface SandboxOptions extends SandboxEvents {
  /** Identifies the environment among all of its function. */
  readonly id: string
  readonly plan: FunctionPlan
  readonly env: Readonly<Record<string, string>>
  readonly compileCache: string
}

export type Isolation = 'thread' | 'process'

export const ENTRY = join(import.meta.dirname, 'environment-entry.mjs')

/** Space for short-lived objects. V8's own choice of 48 is 20 MB more per environment under load, and no faster. */
export const YOUNG_MB = 8

export const orderOf = ({ id, plan, compileCache }: SandboxOptions): EnvironmentOrder => ({
  id,
  functionName: plan.functionName,
  functionArn: plan.arn,
  codeDirectory: plan.codeDirectory,
  handler: plan.handler,
  memoryMb: plan.memoryMb,
  compileCache,
})

export const outOfMemory = ({ memoryMb }: FunctionPlan): LambdaError => ({
  errorType: 'Runtime.OutOfMemory',
  errorMessage: `The function used more than ${memoryMb} MB`,
})

export const isGone: LambdaError = {
  errorType: 'Runtime.ExitError',
  errorMessage: 'The environment is gone',
}

export const tellLines = (chunk: Buffer, onLine: (line: string) => void): void => {
  for (const line of chunk.toString().trimEnd().split('\n')) onLine(line)
}
