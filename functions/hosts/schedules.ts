/** Calculation of planned times. Not in `lambda.ts`, so that only functions that need it load a cron library. */
export { checkCron, scheduleTimes } from '../core/adapters/croner/schedule-times.ts'
export { describeTiming } from '../core/adapters/croner/timing-words.ts'
