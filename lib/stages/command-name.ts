import { isPreviewName } from './stage-schema.ts'

/** A stage as `npm run deploy` takes it: a preview is two words. */
export const commandName = (name: string): string =>
  isPreviewName(name) ? `preview ${name.slice('preview-'.length)}` : name
