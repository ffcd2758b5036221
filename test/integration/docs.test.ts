import { Validator } from '@seriousme/openapi-schema-validator'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { API_BASE } from '../../functions/contract.ts'
import { ROUTES } from '../../lib/constructs/task-api.ts'
import { hasBrowser, openBrowser, openPage } from '../fixtures/browser.ts'
import { Client } from '../fixtures/client.ts'
import { startTestRuntime } from '../fixtures/running.ts'

let running: Awaited<ReturnType<typeof startTestRuntime>>
beforeAll(async () => {
  running = await startTestRuntime()
})
afterAll(() => running.stop())

interface Document {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

describe('the API describes itself', () => {
  it('in a valid OpenAPI 3.1 document with every route and no other', async () => {
    const { body } = await new Client(running.url).get<Document>('/openapi.json')
    expect(body.openapi).toMatch(/^3\.1/)
    const { valid, errors } = await new Validator().validate(structuredClone(body) as never)
    expect(errors).toBeUndefined()
    expect(valid).toBe(true)
    const described = Object.entries(body.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    )
    const served = ROUTES.map(({ method, path }) => `${method} ${path}`)
    expect(described.sort()).toEqual(served.sort())
  })
})

describe.skipIf(!hasBrowser)('the docs page in Chromium', () => {
  it('shows every route, loads nothing from elsewhere, and can send a task', async () => {
    const browser = await openBrowser()
    try {
      const { page, faults } = await openPage(browser, running.url)
      await page.goto(`${running.url}/`)
      expect(page.url()).toBe(`${running.url}${API_BASE}/docs`)
      const submit = page
        .locator('.opblock', { has: page.locator('[data-path="/tasks"]') })
        .locator('visible=true')
        .first()
      await submit.waitFor()
      expect(await page.locator('.opblock').count()).toBe(ROUTES.length)
      const post = page.locator('.opblock-post', { has: page.locator('[data-path="/tasks"]') }).first()
      await post.locator('.opblock-summary').click()
      await post.locator('textarea').fill('{"type": "example.add", "input": {"x": 20, "y": 22}}')
      await post.locator('button.execute').click()
      await post.locator('.live-responses-table .response-col_status').filter({ hasText: '202' }).waitFor()
      expect(faults).toEqual([])
    } finally {
      await browser.close()
    }
  })

  it('is dark when the reader’s system is dark', async () => {
    const browser = await openBrowser()
    try {
      for (const [colorScheme, isDark] of [
        ['dark', true],
        ['light', false],
      ] as const) {
        const { page } = await openPage(browser, running.url, { colorScheme })
        await page.goto(`${running.url}${API_BASE}/docs`)
        await page.locator('.opblock').first().waitFor()
        const ink = await page.evaluate<string>(
          "getComputedStyle(document.querySelector('.info .title')).color",
        )
        expect([colorScheme, Number(/\d+/.exec(ink)?.[0]) > 128]).toEqual([colorScheme, isDark])
        await page.close()
      }
    } finally {
      await browser.close()
    }
  })
})
