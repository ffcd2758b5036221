export function collectWhenIdle(lookMs?: number): void
