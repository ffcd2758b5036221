import { isPreviewName } from './stage-schema.ts'

/** A stage's name as an argument of `npm run deploy`: a preview is two words. */
export const commandName = (name: string): string =>
  isPreviewName(name) ? `preview ${name.slice('preview-'.length)}` : name
