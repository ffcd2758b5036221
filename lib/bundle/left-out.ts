/** Replaces, in an API function's bundle, modules that are imported to run a task; see `lean.ts`. */
export {}
