import { MemoryCircuits } from '../fixtures/memory-circuits.ts'
import { MemoryLanes } from '../fixtures/memory-lanes.ts'
import { MemoryPayloads } from '../fixtures/memory-payloads.ts'
import { MemoryQueue, queuePorts } from '../fixtures/memory-queue.ts'
import { MemoryRecentRuns } from '../fixtures/memory-recent-runs.ts'
import { MemoryStore } from '../fixtures/memory-store.ts'
import { MemoryTallies } from '../fixtures/memory-tallies.ts'
import { MemoryText } from '../fixtures/memory-text.ts'
import { MemoryWaitPlaces } from '../fixtures/memory-wait-places.ts'
import { MemoryWorkerSlots } from '../fixtures/memory-worker-slots.ts'
import { circuitStoreContract } from './circuit-store.ts'
import { claimWatermarksContract } from './claim-watermarks.ts'
import { dueIndexContract } from './due-index.ts'
import { expiredRowsContract } from './expired-rows.ts'
import { laneStoreContract } from './lane-store.ts'
import { payloadStoreContract } from './payload-store.ts'
import { recentRunsContract } from './recent-runs.ts'
import { tallyStoreContract } from './tally-store.ts'
import { taskQueueContract } from './task-queue.ts'
import { taskStoreContract } from './task-store.ts'
import { textStreamContract } from './text-stream.ts'
import { waitPlacesContract } from './wait-places.ts'
import { workerSlotsContract } from './worker-slots.ts'

const openMemory = async () => {
  let now = 0
  return { store: new MemoryStore(() => now), setNow: (instant: number) => (now = instant) }
}
taskStoreContract('the store in memory', openMemory)
dueIndexContract('the store in memory', openMemory)
expiredRowsContract('the store in memory', openMemory)
claimWatermarksContract('the store in memory', openMemory)
tallyStoreContract('the tallies in memory', async () => new MemoryTallies())

circuitStoreContract('the store in memory', async () => new MemoryCircuits())

workerSlotsContract('the reports in memory', async () => new MemoryWorkerSlots())
recentRunsContract('the runs in memory', async () => new MemoryRecentRuns())
textStreamContract('the text in memory', async () => new MemoryText())
waitPlacesContract('the places in memory', async (places) => new MemoryWaitPlaces(places))
laneStoreContract('the store in memory', async () => new MemoryLanes())
payloadStoreContract('the store in memory', async () => new MemoryPayloads())

taskQueueContract('the queue in memory', async () => {
  let now = 1_800_000_000_000
  const queue = new MemoryQueue(() => now)
  queue.maxReceiveCount = 3
  return {
    ...queuePorts(queue),
    // The clock advances only while a caller waits.
    receive: async (waitSeconds) => {
      for (const end = now + waitSeconds * 1_000; ; now += 100) {
        const found = queue.receive('ai', 10, 30)
        if (found.length > 0 || now >= end) return found
      }
    },
    remove: async (receipt) => queue.delete('ai', receipt),
    now: () => now,
    pass: async (ms) => {
      now += ms
    },
  }
})
