// Written by "npm run generate" from the folders beside it. Do not edit.
export const heavyModules: Readonly<Record<string, () => Promise<object>>> = {
  'document-process': () => import('./document-process/heavy.ts'),
}
