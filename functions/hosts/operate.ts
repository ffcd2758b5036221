/** Dependencies of the operators' function. Not in `lambda.ts`, so that no other function loads the Lambda client. */
import { ENV } from '../contract.ts'
import { EventSourceSwitch } from '../core/adapters/lambda/lane-switch.ts'
import { readConfig } from './config.ts'

export const openLaneSwitch = (): EventSourceSwitch =>
  new EventSourceSwitch(readConfig([ENV.eventSourceIds]).EVENT_SOURCE_IDS)
