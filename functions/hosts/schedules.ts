/** Times of schedules. Apart from `lambda.ts`, so that only those who need them carry a cron library. */
export { checkCron, scheduleTimes } from '../core/adapters/croner/schedule-times.ts'
export { describeTiming } from '../core/adapters/croner/timing-words.ts'
