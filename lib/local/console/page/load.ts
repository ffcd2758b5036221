/// <reference lib="dom" />
import { fetchWithKey } from './key.ts'

/** @throws Error with the server's message. */
export async function load<Data>(path: string): Promise<Data> {
  const response = await fetchWithKey(`/console/data/${path}`)
  const body = (await response.json()) as Data & { detail?: string }
  if (!response.ok) throw new Error(body.detail ?? `The console answered ${response.status}.`)
  return body
}
