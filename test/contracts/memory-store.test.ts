import { MemoryCircuits } from '../fixtures/memory-circuits.ts'
import { MemoryStore } from '../fixtures/memory-store.ts'
import { circuitStoreContract } from './circuit-store.ts'
import { taskStoreContract } from './task-store.ts'

taskStoreContract('the store in memory', async () => {
  let now = 0
  return { store: new MemoryStore(() => now), setNow: (instant) => (now = instant) }
})

circuitStoreContract('the store in memory', async () => new MemoryCircuits())
