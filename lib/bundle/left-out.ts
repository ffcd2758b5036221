/** Takes the place, in an API function's bundle, of what is imported to run a task; see `lean.ts`. */
export {}
