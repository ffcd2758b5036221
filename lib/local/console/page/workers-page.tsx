/// <reference lib="dom" />
/** What runs: execution environments with their tasks and memory, event sources, timers. */
import type { FunctionsData } from '../console.ts'
import { useData } from './client.ts'
import { durationText, functionLabel } from './dom.ts'
import { Failure } from './parts.tsx'

export function WorkersPage() {
  const { data, error } = useData<FunctionsData>('functions', 2_000)
  if (!data) return <Failure error={error} />
  const { now } = data
  const running = data.functions.flatMap((own) => own.environments.map((item) => ({ own, ...item })))
  const withoutEnvironment = data.functions.filter(({ environments }) => environments.length === 0)
  return (
    <>
      <h1>Workers</h1>
      <h2>Execution environments</h2>
      <div class="scroll" data-part="environments">
        <table>
          <thead>
            <tr>
              <th scope="col">Function</th>
              <th scope="col">State</th>
              <th scope="col">Runs</th>
              <th scope="col">Memory</th>
              <th scope="col">Invocations</th>
              <th scope="col">Started</th>
            </tr>
          </thead>
          <tbody>
            {running.map(({ own, id, isBusy, idleSince, tasks, usedMb, invocations, startedAt }) => (
              <tr key={id}>
                <td>
                  <a href={`/console/logs?from=${encodeURIComponent(own.name)}`}>{functionLabel(own.name)}</a>{' '}
                  <code>{id}</code>
                </td>
                <td>
                  <span class="status" data-status={isBusy ? 'PROCESSING' : 'PENDING'}>
                    {isBusy ? '◐ busy' : `○ idle for ${durationText(now - idleSince)}`}
                  </span>
                </td>
                <td>
                  {tasks.map((task) => (
                    <a key={task} href={`/console/tasks/${task}`}>
                      {task}{' '}
                    </a>
                  ))}
                  {tasks.length === 0 && '–'}
                </td>
                <td>
                  {usedMb ?? '?'} of {own.memoryMb} MB
                </td>
                <td>{invocations}</td>
                <td>{durationText(now - startedAt)} ago</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {withoutEnvironment.length > 0 && (
        <p class="muted">
          Started when there is work: {withoutEnvironment.map(({ name }) => functionLabel(name)).join(', ')}.
        </p>
      )}
      <h2>Event sources</h2>
      <div class="scroll" data-part="sources">
        <table>
          <thead>
            <tr>
              <th scope="col">Queue</th>
              <th scope="col">State</th>
              <th scope="col">Running batches</th>
              <th scope="col">Maximum</th>
              <th scope="col">Batch size</th>
            </tr>
          </thead>
          <tbody>
            {data.sources.map(({ queue, isOn, batchesInHand, maxConcurrency, batchSize }) => (
              <tr key={queue}>
                <td>{queue}</td>
                <td>{isOn ? 'on' : 'paused'}</td>
                <td>{batchesInHand}</td>
                <td>{maxConcurrency}</td>
                <td>{batchSize}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <h2>Timers</h2>
      <div class="scroll" data-part="timers">
        <table>
          <thead>
            <tr>
              <th scope="col">Timer</th>
              <th scope="col">Schedule</th>
              <th scope="col">Fires next</th>
            </tr>
          </thead>
          <tbody>
            {data.timers.map(({ name, expression, timeZone, functionName, nextAt }) => (
              <tr key={name}>
                <td>{functionLabel(functionName)}</td>
                <td>
                  <code>{expression}</code> {timeZone}
                </td>
                <td>
                  in {durationText(nextAt - now)}, at {new Date(nextAt).toISOString().slice(0, 19)}Z
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  )
}
