/** Stands in an API function's bundle for what is imported to run a task; see `lean.ts`. */
export {}
