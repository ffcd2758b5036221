/// <reference lib="dom" />
/** Actions on one task or on many. For many, a dialog shows the numbers before anything changes. */
import { api, FINAL, RETRYABLE, type Task } from './client.ts'
import { load } from './load.ts'
import { openDialog, showMessage } from './parts.tsx'

type Action = 'retry' | 'cancel'

const CONCURRENCY = 4
/** The API's limit of ids in one call. */
const IDS_PER_CALL = 100

const can = (action: Action, status: string) =>
  action === 'retry' ? RETRYABLE.includes(status) : !FINAL.includes(status)

/** Actions on many tasks. A redrive retries only failed tasks, not those that were cancelled or expired. */
const BULK_ACTIONS = {
  retry: {
    word: 'Retry',
    will: 'run again',
    action: 'retry',
    fits: (status: string) => can('retry', status),
  },
  redrive: {
    word: 'Redrive',
    will: 'run again',
    action: 'retry',
    fits: (status: string) => status === 'FAILED',
  },
  cancel: {
    word: 'Cancel',
    will: 'cancelled',
    action: 'cancel',
    fits: (status: string) => can('cancel', status),
  },
} as const
export type ActionOnMany = keyof typeof BULK_ACTIONS

export async function actOnOne(action: Action, task: { id: string; status: string }): Promise<void> {
  const isSure = await openDialog(
    action === 'retry'
      ? {
          title: 'Run this task again?',
          body: <p>It starts from its first attempt, under the same id.</p>,
          action: 'Retry',
        }
      : {
          title: 'Cancel this task?',
          body: <p>A running model call stops within about 3 s. No result is stored.</p>,
          action: 'Cancel the task',
          isDangerous: true,
        },
  )
  if (!isSure) return
  await api<Task>(`/tasks/${task.id}/${action}`, {}).then(
    () => showMessage(action === 'retry' ? 'The task runs again.' : 'The task is cancelled.'),
    (cause: Error) => showMessage(cause.message, true),
  )
}

/** First shows to how many of the selected tasks the action applies, and their errors. */
export async function actOnMany(kind: ActionOnMany, ids: readonly string[]): Promise<void> {
  const { word, will, action, fits } = BULK_ACTIONS[kind]
  const tasks: Task[] = []
  const parts = Array.from({ length: Math.ceil(ids.length / IDS_PER_CALL) }, (_, index) =>
    ids.slice(index * IDS_PER_CALL, (index + 1) * IDS_PER_CALL).join(','),
  )
  const look = each(parts, async (part) => {
    tasks.push(...(await api<{ tasks: readonly Task[] }>(`/tasks?ids=${part}`)).tasks)
  })
  const isLost = await look.then(
    () => false,
    (cause: Error) => {
      showMessage(cause.message, true)
      return true
    },
  )
  if (isLost) return
  const fitting = tasks.filter(({ status }) => fits(status))
  const groups = Map.groupBy(tasks, ({ status, error }) =>
    status === 'FAILED' && error ? `failed: ${error.code}` : status.toLowerCase(),
  )
  const isSure = await openDialog({
    title: `${word} ${fitting.length} of ${ids.length} tasks?`,
    body: (
      <>
        <table>
          <tbody>
            {[...groups].map(([name, same]) => (
              <tr key={name}>
                <td>{name}</td>
                <td class="number">{same.length}</td>
                <td>{fits(same[0]?.status ?? '') ? `will be ${will}` : 'stays as it is'}</td>
              </tr>
            ))}
          </tbody>
        </table>
        <p class="muted">Nothing has been changed yet.</p>
      </>
    ),
    ...(fitting.length > 0
      ? { action: kind === 'cancel' ? `Cancel ${fitting.length} tasks` : `${word} ${fitting.length}` }
      : {}),
    isDangerous: kind === 'cancel',
  })
  if (!isSure) return
  let done = 0
  let lost = ''
  await each(
    fitting.map(({ id }) => id),
    (id) =>
      api(`/tasks/${id}/${action}`, {}).then(
        () => {
          done += 1
        },
        (cause: Error) => {
          lost = cause.message
        },
      ),
  )
  showMessage(`${done} of ${fitting.length} ${will}.${lost ? ` ${lost}` : ''}`, lost !== '')
}

interface Redrive {
  readonly matched: number
  readonly redriven: number
  readonly remaining: number
  readonly by_error: Readonly<Record<string, number>>
  readonly unreadable: readonly { readonly message_id: string; readonly bytes: number }[]
}

/** Shows the lane's failed tasks by error, then restarts all of them or those with one error. */
export async function redrive(lane: string): Promise<void> {
  const path = `/queues/${lane}/redrive`
  const counted = await api<Redrive>(path, { dry_run: true, limit: 5_000 }).catch((cause: Error) =>
    showMessage(cause.message, true),
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
  const isSure = await openDialog({
    title: counted.matched === 0 ? `No failed task in lane ${lane}` : `Redrive failed tasks of lane ${lane}`,
    body: (
      <>
        {codes.length > 0 && (
          <fieldset>
            <legend>Which tasks?</legend>
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
          {counted.matched === 0
            ? 'Nothing to do.'
            : 'Nothing has been restarted yet. Each task runs again once.'}
        </p>
      </>
    ),
    ...(counted.matched > 0 ? { action: `Redrive ${counted.matched}` } : {}),
  })
  if (!isSure) return
  await api<Redrive>(path, { ...(chosen ? { error_code: chosen } : {}), limit: 5_000 }).then(
    ({ redriven, remaining }) =>
      showMessage(`${redriven} run again${remaining > 0 ? `; ${remaining} remain` : ''}.`),
    (cause: Error) => showMessage(cause.message, true),
  )
}

/** @returns whether to continue with the failed tasks. */
async function deleteUnreadable(
  path: string,
  lane: string,
  messages: Redrive['unreadable'],
): Promise<boolean> {
  const isSure = await openDialog({
    title: `${messages.length} messages that no worker can read`,
    body: (
      <>
        <p>
          They are in the dead-letter queue of lane {lane} and belong to no task. Nothing else deletes them.
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
  // No task failed before this time, so this call deletes messages and restarts nothing.
  return await api<Redrive>(path, {
    delete_unreadable: true,
    failed_before: '2000-01-01T00:00:00Z',
    limit: 1,
  }).then(
    ({ unreadable }) => {
      showMessage(`${unreadable.length} deleted.`)
      return true
    },
    (cause: Error) => {
      showMessage(cause.message, true)
      return false
    },
  )
}

export async function switchLane(lane: string, isPaused: boolean): Promise<void> {
  const isSure = await openDialog(
    isPaused
      ? { title: `Resume lane ${lane}?`, body: <p>Waiting tasks start at once.</p>, action: `Resume ${lane}` }
      : {
          title: `Pause lane ${lane}?`,
          body: <p>No more tasks start. Running tasks finish, and waiting tasks stay in the queue.</p>,
          action: `Pause ${lane}`,
          isDangerous: true,
        },
  )
  if (!isSure) return
  await api(`/queues/${lane}/${isPaused ? 'resume' : 'pause'}`, {}).then(
    () => showMessage(isPaused ? `Lane ${lane} is resumed.` : `Lane ${lane} is paused.`),
    (cause: Error) => showMessage(cause.message, true),
  )
}

/** Ids of all tasks that match a list's filters. */
export const idsOf = (query: string): Promise<readonly string[]> => load(`task-ids?${query}`)

async function each(ids: readonly string[], act: (id: string) => Promise<unknown>): Promise<void> {
  const left = [...ids]
  const work = async () => {
    for (let id = left.shift(); id !== undefined; id = left.shift()) await act(id)
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, work))
}
