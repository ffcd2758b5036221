import { readFile } from 'node:fs/promises'
import * as z from 'zod'
import { ENV } from '../../../contract.ts'
import { readConfig } from '../../../hosts/lambda.ts'
import { defineRoute } from '../../define-route.ts'

/** Generated at build time from the route declarations, beside the bundle. */
const FILE = new URL('./openapi.json', import.meta.url)

export const getApiDocumentRoute = defineRoute({
  method: 'GET',
  path: '/openapi.json',
  function: 'api-public',
  scope: 'open',
  summary: 'Get this document',
  answers: { 200: { description: 'OpenAPI 3.1.', schema: z.record(z.string(), z.unknown()) } },
  needs: () => {
    const { SERVICE_VERSION: version } = readConfig([ENV.serviceVersion])
    let document: Promise<Readonly<Record<string, unknown>>> | undefined
    const load = async () => {
      const read = JSON.parse(await readFile(FILE, 'utf8')) as { readonly info: object }
      return { ...read, info: { ...read.info, version } }
    }
    return () => {
      document ??= load()
      return document
    }
  },
  // The API's path, with a stage's name, a base path or neither, is known only from the call.
  handle: async ({ base }, document) => ({
    status: 200,
    body: { ...(await document()), servers: [{ url: base }] },
  }),
})
