/** Times of schedules. Apart from `lambda.ts`, so that only those who need them carry a cron library. */
export { checkCron, describeTiming, scheduleTimes } from '../core/adapters/croner/schedule-times.ts'
