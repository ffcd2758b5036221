import { afterEach, describe, expect, it } from 'vitest'
import { scaleTiming, TIMING, timingAt } from '../../functions/contract/timing.ts'
import { claim, resendCheckMs } from '../../functions/core/domain/transitions.ts'
import { readConfig } from '../../functions/hosts/config.ts'
import { startTicker } from '../../lib/local/emulator/lambda/timer.ts'
import { loadStage, parseStage } from '../../lib/stages/load-stage.ts'

afterEach(() => scaleTiming(1))

describe('the scale of the waits', () => {
  it('shortens every one of them, and leaves two heartbeats in a lease', () => {
    const full = timingAt(1)
    const short = timingAt(1 / 6)
    for (const [name, value] of Object.entries(short)) {
      expect(value).toBeGreaterThanOrEqual(full[name as keyof typeof full] / 6 - 0.5)
      expect(value).toBeLessThanOrEqual(full[name as keyof typeof full] / 6 + 1)
    }
    expect(short.leaseMs).toBeGreaterThan(2 * short.heartbeatMs)
    expect(short.visibilitySeconds * 1_000).toBeGreaterThan(short.leaseMs)
  })

  it('reaches the transitions of a process that is told so when it starts', () => {
    expect(claim(1, 'token', 0).set.claimableFrom).toBe(60_000)
    scaleTiming(readConfig(['TIMING_SCALE'], { TIMING_SCALE: '0.5' }).TIMING_SCALE)
    expect(claim(1, 'token', 0).set.claimableFrom).toBe(30_000)
    expect([resendCheckMs(1), resendCheckMs(3)]).toEqual([30_000, 120_000])
  })

  it('is 1 for a function that is told nothing', () => {
    expect(readConfig(['TIMING_SCALE'], {}).TIMING_SCALE).toBe(1)
    expect(() => readConfig(['TIMING_SCALE'], { TIMING_SCALE: 'short' })).toThrow('TIMING_SCALE')
    expect(TIMING).toEqual(timingAt(1))
  })

  it('belongs to stage local alone', () => {
    expect(loadStage('local', { TIMING_SCALE: '0.25' }).timing.scale).toBe(0.25)
    expect(loadStage('local').timing.scale).toBe(1)
    expect(() => loadStage('local', { TIMING_SCALE: '60 s' })).toThrow('timing.scale')
    for (const name of ['emulated', 'dev', 'staging', 'prod'])
      expect(() => parseStage(name, { ...loadStage(name), timing: { scale: 0.5 } })).toThrow(
        'timing.scale: must be 1 on a deployed stage',
      )
  })

  it('shortens the local timers’ rates', () => {
    const ticker = startTicker('rate(1 minute)', 'UTC', () => undefined, 1 / 6)
    expect(ticker.nextAt() - Date.now()).toBeLessThanOrEqual(10_000)
    ticker.stop()
  })
})
