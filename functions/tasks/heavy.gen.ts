// Written by "npm run generate" from the folders beside it. Do not edit.
export const heavyModules: Readonly<Record<string, () => Promise<object>>> = {
  'data-analyze': () => import('./data-analyze/heavy.ts'),
  'document-process': () => import('./document-process/heavy.ts'),
  'image-transform': () => import('./image-transform/heavy.ts'),
}
