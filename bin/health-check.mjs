// The container's health check: the API answers, and the table behind it does.
const base = `http://127.0.0.1:${process.env.PORT || 3000}/api/v1`
const isUp = async (path) => (await fetch(`${base}${path}`, { signal: AbortSignal.timeout(2_500) })).ok
try {
  process.exit((await isUp('/health')) && (await isUp('/tasks?limit=1')) ? 0 : 1)
} catch {
  process.exit(1)
}
