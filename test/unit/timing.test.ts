import { afterEach, describe, expect, it } from 'vitest'
import { scaleTiming, TIMING, timingAt } from '../../functions/contract/timing.ts'
import { callLimits, waitForServices } from '../../functions/core/adapters/aws/call-limits.ts'
import { claim, resendCheckMs } from '../../functions/core/domain/transitions.ts'
import { hasOwnServices, readConfig } from '../../functions/hosts/config.ts'
import { functionEnvironment } from '../../lib/local/emulator/function-environment.ts'
import { startTicker } from '../../lib/local/emulator/lambda/timer.ts'
import { loadStage, parseStage } from '../../lib/stages/load-stage.ts'

afterEach(() => {
  scaleTiming(1)
  waitForServices(0)
})

describe('the timing scale', () => {
  it('shortens every wait, and leaves two heartbeats in a lease', () => {
    const full = timingAt(1)
    const short = timingAt(1 / 6)
    for (const [name, value] of Object.entries(short)) {
      expect(value).toBeGreaterThanOrEqual(full[name as keyof typeof full] / 6 - 0.5)
      expect(value).toBeLessThanOrEqual(full[name as keyof typeof full] / 6 + 1)
    }
    expect(short.leaseMs).toBeGreaterThan(2 * short.heartbeatMs)
    expect(short.visibilitySeconds * 1_000).toBeGreaterThan(short.leaseMs)
  })

  it('applies to the transitions of a process when it is set at the start', () => {
    expect(claim(1, 'token', 0).set.claimableFrom).toBe(60_000)
    scaleTiming(readConfig(['TIMING_SCALE'], { TIMING_SCALE: '0.5' }).TIMING_SCALE)
    expect(claim(1, 'token', 0).set.claimableFrom).toBe(30_000)
    expect([resendCheckMs(1), resendCheckMs(3)]).toEqual([30_000, 120_000])
  })

  it('is 1 for a function without the setting', () => {
    expect(readConfig(['TIMING_SCALE'], {}).TIMING_SCALE).toBe(1)
    expect(() => readConfig(['TIMING_SCALE'], { TIMING_SCALE: 'short' })).toThrow('TIMING_SCALE')
    expect(TIMING).toEqual(timingAt(1))
  })

  it('is allowed for stage local only', () => {
    expect(loadStage('local', { TIMING_SCALE: '0.25' }).timing.scale).toBe(0.25)
    expect(loadStage('local').timing.scale).toBe(1)
    expect(() => loadStage('local', { TIMING_SCALE: '60 s' })).toThrow('timing.scale')
    for (const name of ['emulated', 'dev', 'staging', 'prod'])
      expect(() => parseStage(name, { ...loadStage(name), timing: { scale: 0.5 } })).toThrow(
        'timing.scale: must be 1 on a deployed stage',
      )
  })

  it('shortens the intervals of the local timers', () => {
    const ticker = startTicker('rate(1 minute)', 'UTC', () => undefined, 1 / 6)
    expect(ticker.nextAt() - Date.now()).toBeLessThanOrEqual(10_000)
    ticker.stop()
  })
})

describe('the time that a service has for its answer', () => {
  const [onAws, longer] = [callLimits(), callLimits(30_000)]

  it('is short on AWS, where a service that is late is down', () => {
    expect(hasOwnServices({ AWS_REGION: 'eu-central-1' })).toBe(false)
    expect(onAws).toMatchObject({ connectionTimeout: 1_000, requestTimeout: 4_000 })
    expect(longer.requestTimeout).toBe(30_000)
  })

  it('is longer where the services share a busy machine with everything else, and shortens nothing', () => {
    const endpoint = 'http://127.0.0.1:1'
    const endpoints = {
      dynamodb: endpoint,
      sqs: endpoint,
      s3: endpoint,
      ssm: endpoint,
      lambda: endpoint,
      ses: endpoint,
    }
    const credentials = { accessKeyId: 'id', secretAccessKey: 'secret' }
    expect(hasOwnServices(functionEnvironment(endpoints, credentials, 'eu-central-1', {}))).toBe(true)
    waitForServices(TIMING.heartbeatMs)
    expect(callLimits()).toMatchObject({ connectionTimeout: 20_000, requestTimeout: 20_000 })
    expect(callLimits(30_000)).toEqual({ ...longer, connectionTimeout: 20_000 })
  })
})
