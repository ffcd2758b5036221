/// <reference lib="dom" />
import type { FunctionsData } from '../console.ts'
import { load, make, repeat, span, table } from './dom.ts'

/** What runs: functions with their environments, event sources and timers. */
export function showFunctions(main: HTMLElement): void {
  const part = (name: string) => make('div', { 'data-part': name })
  const functions = part('functions')
  const environments = part('environments')
  const sources = part('sources')
  const timers = part('timers')
  main.append(
    make('h1', {}, 'Functions'),
    functions,
    make('h2', {}, 'Execution environments'),
    environments,
    make('h2', {}, 'Event sources'),
    sources,
    make('h2', {}, 'Timers'),
    timers,
  )
  repeat(2_000, async () => {
    const data = await load<FunctionsData>('functions')
    const { now } = data
    functions.replaceChildren(
      table(
        ['Function', 'Environments', 'Busy', 'Waiting', 'At most', 'Memory', 'Timeout', ''],
        data.functions.map(({ name, environments: all, running, waiting, limit, memoryMb, timeoutMs }) => [
          make('b', {}, name),
          all.length,
          running,
          waiting,
          limit,
          `${memoryMb} MB`,
          span(timeoutMs),
          make('a', { href: `/console/logs?from=${encodeURIComponent(name)}` }, 'Logs'),
        ]),
      ),
    )
    const living = data.functions.flatMap(({ name, environments: all }) =>
      all.map((item) => ({ name, ...item })),
    )
    environments.replaceChildren(
      living.length === 0
        ? make('p', { class: 'muted' }, 'None: they start when there is work, and end when idle.')
        : table(
            ['Function', 'Environment', 'State', 'Invocations', 'Started'],
            living.map(({ name, id, isBusy, invocations, startedAt, idleSince }) => [
              name,
              make('code', {}, id),
              isBusy ? 'busy' : `idle for ${span(now - idleSince)}`,
              invocations,
              `${span(now - startedAt)} ago`,
            ]),
          ),
    )
    sources.replaceChildren(
      table(
        ['Queue', 'Function', 'State', 'Batches in hand', 'At most', 'Batch size'],
        data.sources.map(({ queue, functionName, isOn, batchesInHand, maxConcurrency, batchSize }) => [
          make('b', {}, queue),
          functionName,
          isOn ? 'on' : 'paused',
          batchesInHand,
          maxConcurrency,
          batchSize,
        ]),
      ),
    )
    timers.replaceChildren(
      table(
        ['Timer', 'Schedule', 'Time zone', 'Function', 'Fires next'],
        data.timers.map(({ name, expression, timeZone, functionName, nextAt }) => [
          make('b', {}, name),
          make('code', {}, expression),
          timeZone,
          functionName,
          `in ${span(nextAt - now)}, at ${new Date(nextAt).toLocaleString([], { hour12: false })}`,
        ]),
      ),
    )
  })
}
