/** Mulberry32, public domain: 32 bits of state are enough for choosing faults. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** The seed of a run: `FAULT_SEED`, or one that is new each time. It is in the names of the tests, for a rerun. */
export const SEED = Number(process.env.FAULT_SEED ?? Math.floor(Math.random() * 1_000_000))
