// Written by "npm run generate" from the folders beside it. Do not edit.
import type { TaskDefinition } from '../core/kit/define-task.ts'
import dataAnalyze from './data-analyze/task.ts'
import documentProcess from './document-process/task.ts'
import emailSend from './email-send/task.ts'
import evidenceAnalyze from './evidence-analyze/task.ts'
import exampleAdd from './example-add/task.ts'
import exampleRun from './example-run/task.ts'
import imageDescribe from './image-describe/task.ts'
import imageTransform from './image-transform/task.ts'
import maintenanceCleanup from './maintenance-cleanup/task.ts'
import textGenerate from './text-generate/task.ts'

/** Every type by its name, for code whose types depend on it. */
export interface TaskTypes {
  readonly 'data.analyze': typeof dataAnalyze
  readonly 'document.process': typeof documentProcess
  readonly 'email.send': typeof emailSend
  readonly 'evidence.analyze': typeof evidenceAnalyze
  readonly 'example.add': typeof exampleAdd
  readonly 'example.run': typeof exampleRun
  readonly 'image.describe': typeof imageDescribe
  readonly 'image.transform': typeof imageTransform
  readonly 'maintenance.cleanup': typeof maintenanceCleanup
  readonly 'text.generate': typeof textGenerate
}

export const taskTypes = [dataAnalyze, documentProcess, emailSend, evidenceAnalyze, exampleAdd, exampleRun, imageDescribe, imageTransform, maintenanceCleanup, textGenerate] as unknown as readonly TaskDefinition[]

const byName = new Map(taskTypes.map((type) => [type.name, type]))

export const findTaskType = (name: string): TaskDefinition | undefined => byName.get(name)
