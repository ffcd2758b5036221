/// <reference lib="dom" />
import { type ComponentType, render } from 'preact'
import { showAlarms, showHealth } from './alarms.ts'
import { HomePage } from './home-page.tsx'
import { fetchWithKey, offerToForget } from './key.ts'
import { LanesPage } from './lanes-page.tsx'
import { showLogs } from './logs.ts'
import { showRunbook } from './runbook.ts'
import { SchedulesPage } from './schedules-page.tsx'
import { SubmitPage } from './submit-page.tsx'
import { TaskList } from './task-list.tsx'
import { TaskPage } from './task-page.tsx'
import { WebhooksPage } from './webhooks-page.tsx'
import { WorkersPage } from './workers-page.tsx'
import { WorkflowPage, WorkflowsPage } from './workflows-page.tsx'

const draw = (Page: ComponentType) => (element: HTMLElement) => render(<Page />, element)

/** The chart library and the sanitizer are as large as everything else, so only dashboards load them. */
const showDashboard = async (element: HTMLElement) =>
  (await import('./dashboard.ts')).showDashboard(element, Number(document.body.dataset.dashboard))

/** The server writes the mails into the page; on a stage with keys only into one that was requested with a key. */
async function showOutbox(element: HTMLElement): Promise<void> {
  if (element.childElementCount > 0) return
  const response = await fetchWithKey('/console/outbox')
  const page = new DOMParser().parseFromString(await response.text(), 'text/html')
  element.replaceChildren(...(page.getElementById('main')?.childNodes ?? []))
}

const main = document.getElementById('main') as HTMLElement
const pages: Readonly<Record<string, (main: HTMLElement) => void | Promise<void>>> = {
  '/': draw(HomePage),
  '/tasks': draw(() => (
    <>
      <h1>Tasks</h1>
      <TaskList />
    </>
  )),
  '/task': draw(TaskPage),
  '/submit': draw(SubmitPage),
  '/workflows': draw(WorkflowsPage),
  '/workflow': draw(WorkflowPage),
  '/schedules': draw(SchedulesPage),
  '/webhooks': draw(WebhooksPage),
  '/lanes': draw(LanesPage),
  '/workers': draw(WorkersPage),
  '/alarms': showAlarms,
  '/logs': showLogs,
  '/runbook': showRunbook,
  '/outbox': showOutbox,
}
const { page = '/', dashboard } = document.body.dataset
void (dashboard === undefined ? pages[page] : showDashboard)?.(main)
showHealth(document.getElementById('health') as HTMLElement)
offerToForget()
