/// <reference lib="dom" />
import { showAlarms, showHealth } from './alarms.ts'
import { showDashboard } from './dashboard.ts'
import { showFunctions } from './functions.ts'
import { showLogs } from './logs.ts'
import { showRunbook } from './runbook.ts'

const main = document.getElementById('main') as HTMLElement
const pages: Readonly<Record<string, (main: HTMLElement) => void>> = {
  '/': (element) => showDashboard(element, 0),
  '/lanes': (element) => showDashboard(element, 1),
  '/alarms': showAlarms,
  '/logs': showLogs,
  '/functions': showFunctions,
  '/runbook': showRunbook,
}
pages[document.body.dataset.page ?? '/']?.(main)
showHealth(document.getElementById('health') as HTMLElement)
