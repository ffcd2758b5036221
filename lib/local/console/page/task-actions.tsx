/// <reference lib="dom" />
/** What can be done with one task or many; many are counted before anything is changed. */
import { api, FINAL, RETRYABLE, type Task } from './client.ts'
import { load } from './load.ts'
import { ask, say } from './parts.tsx'

type Action = 'retry' | 'cancel'

const AT_ONCE = 4

const can = (action: Action, status: string) =>
  action === 'retry' ? RETRYABLE.includes(status) : !FINAL.includes(status)

export async function actOnOne(action: Action, task: { id: string; status: string }): Promise<void> {
  const isSure = await ask(
    action === 'retry'
      ? {
          title: 'Run this task again?',
          body: <p>It starts from its first attempt, under the same id.</p>,
          action: 'Retry',
        }
      : {
          title: 'Cancel this task?',
          body: <p>A running model call is stopped within some 3 s; no result will land.</p>,
          action: 'Cancel the task',
          isDangerous: true,
        },
  )
  if (!isSure) return
  await api<Task>(`/tasks/${task.id}/${action}`, {}).then(
    () => say(action === 'retry' ? 'It runs again.' : 'It is cancelled.'),
    (cause: Error) => say(cause.message, true),
  )
}

/** Shows first what would happen: how many of the chosen are in a state for it. */
export async function actOnMany(action: Action, ids: readonly string[]): Promise<void> {
  const statuses = new Map<string, string>()
  await each(ids, async (id) => {
    const task = await api<Task>(`/tasks/${id}`).catch(() => undefined)
    if (task) statuses.set(id, task.status)
  })
  const fitting = ids.filter((id) => can(action, statuses.get(id) ?? ''))
  const counts = Map.groupBy(statuses.values(), (status) => status)
  const word = action === 'retry' ? 'Retry' : 'Cancel'
  const isSure = await ask({
    title: `${word} ${fitting.length} of ${ids.length} tasks?`,
    body: (
      <>
        <table>
          <tbody>
            {[...counts].map(([status, same]) => (
              <tr key={status}>
                <td>{status.toLowerCase()}</td>
                <td class="number">{same.length}</td>
                <td>
                  {can(action, status)
                    ? `will be ${action === 'retry' ? 'run again' : 'cancelled'}`
                    : 'is left alone'}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
        <p class="muted">Nothing has been changed yet.</p>
      </>
    ),
    ...(fitting.length > 0
      ? { action: action === 'retry' ? `Retry ${fitting.length}` : `Cancel ${fitting.length} tasks` }
      : {}),
    isDangerous: action === 'cancel',
  })
  if (!isSure) return
  let done = 0
  let lost = ''
  await each(fitting, (id) =>
    api(`/tasks/${id}/${action}`, {}).then(
      () => {
        done += 1
      },
      (cause: Error) => {
        lost = cause.message
      },
    ),
  )
  say(
    `${done} of ${fitting.length} ${action === 'retry' ? 'run again' : 'cancelled'}.${lost ? ` ${lost}` : ''}`,
    lost !== '',
  )
}

interface Redrive {
  readonly matched: number
  readonly redriven: number
  readonly remaining: number
  readonly by_error: Readonly<Record<string, number>>
  readonly unreadable: readonly { readonly message_id: string; readonly bytes: number }[]
}

/** The lane's failed tasks by error first; then all of them, or those of one error. */
export async function redrive(lane: string): Promise<void> {
  const path = `/queues/${lane}/redrive`
  const counted = await api<Redrive>(path, { dry_run: true, limit: 5_000 }).catch((cause: Error) =>
    say(cause.message, true),
  )
  if (!counted) return
  const foreign = counted.unreadable.length
  if (foreign > 0 && !(await deleteUnreadable(path, lane, counted.unreadable))) return
  const codes = Object.entries(counted.by_error).sort((left, right) => right[1] - left[1])
  let chosen = ''
  const button = () => document.querySelector<HTMLButtonElement>('dialog button.primary')
  const choose = (code: string) => {
    chosen = code
    const count = code ? counted.by_error[code] : counted.matched
    const own = button()
    if (own) own.textContent = `Redrive ${count}`
  }
  const isSure = await ask({
    title: counted.matched === 0 ? `No failed task in lane ${lane}` : `Redrive failed tasks of lane ${lane}`,
    body: (
      <>
        {codes.length > 0 && (
          <fieldset>
            <legend>Which?</legend>
            <label>
              <input type="radio" name="code" defaultChecked onChange={() => choose('')} /> all{' '}
              {counted.matched}
            </label>
            {codes.map(([code, count]) => (
              <label key={code}>
                <input type="radio" name="code" onChange={() => choose(code)} /> {count} with{' '}
                <code>{code}</code>
              </label>
            ))}
          </fieldset>
        )}
        <p class="muted">
          {counted.matched === 0 ? 'Nothing to do.' : 'Nothing has been moved yet. Each runs again once.'}
        </p>
      </>
    ),
    ...(counted.matched > 0 ? { action: `Redrive ${counted.matched}` } : {}),
  })
  if (!isSure) return
  await api<Redrive>(path, { ...(chosen ? { error_code: chosen } : {}), limit: 5_000 }).then(
    ({ redriven, remaining }) =>
      say(`${redriven} run again${remaining > 0 ? `; ${remaining} are left` : ''}.`),
    (cause: Error) => say(cause.message, true),
  )
}

/** @returns whether to go on to the failed tasks. */
async function deleteUnreadable(
  path: string,
  lane: string,
  messages: Redrive['unreadable'],
): Promise<boolean> {
  const isSure = await ask({
    title: `${messages.length} messages that no worker can read`,
    body: (
      <>
        <p>
          They lie in the dead-letter queue of lane {lane}, belong to no task, and nothing else takes them
          away.
        </p>
        <ul>
          {messages.slice(0, 10).map(({ message_id, bytes }) => (
            <li key={message_id}>
              <code>{message_id}</code>, {bytes} bytes
            </li>
          ))}
        </ul>
      </>
    ),
    action: `Delete ${messages.length}`,
  })
  if (!isSure) return true
  // Behind all failed tasks: this call is to delete and to start nothing.
  return await api<Redrive>(path, {
    delete_unreadable: true,
    failed_before: '2000-01-01T00:00:00Z',
    limit: 1,
  }).then(
    ({ unreadable }) => {
      say(`${unreadable.length} deleted.`)
      return true
    },
    (cause: Error) => {
      say(cause.message, true)
      return false
    },
  )
}

export async function switchLane(lane: string, isPaused: boolean): Promise<void> {
  const isSure = await ask(
    isPaused
      ? { title: `Resume lane ${lane}?`, body: <p>What waits is taken at once.</p>, action: `Resume ${lane}` }
      : {
          title: `Pause lane ${lane}?`,
          body: <p>Nothing more is taken, nothing is lost, what runs goes on.</p>,
          action: `Pause ${lane}`,
          isDangerous: true,
        },
  )
  if (!isSure) return
  await api(`/queues/${lane}/${isPaused ? 'resume' : 'pause'}`, {}).then(
    () => say(isPaused ? `Lane ${lane} takes work again.` : `Lane ${lane} is paused.`),
    (cause: Error) => say(cause.message, true),
  )
}

/** Ids of everything that a list's filters find. */
export const idsOf = (query: string): Promise<readonly string[]> => load(`task-ids?${query}`)

async function each(ids: readonly string[], act: (id: string) => Promise<unknown>): Promise<void> {
  const left = [...ids]
  const work = async () => {
    for (let id = left.shift(); id !== undefined; id = left.shift()) await act(id)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
}
