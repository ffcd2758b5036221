/// <reference lib="dom" />
/** The key of a stage with keys, stored only in this tab and deleted with it. */
import { make } from './dom.ts'
import { tabStorage } from './storage.ts'

const NAME = 'taskrunner-key'

let asking: Promise<void> | undefined

/** Sends the user's key; asks for one, or for another one, while the stage refuses. */
export async function fetchWithKey(url: string, init: RequestInit = {}): Promise<Response> {
  for (;;) {
    const key = tabStorage.read(NAME)
    const response = await fetch(url, {
      ...init,
      headers: { ...init.headers, ...(key ? { 'x-api-key': key } : {}) },
    })
    if (response.status !== 401) return response
    // A call that was refused with an older key is only repeated.
    if (key === tabStorage.read(NAME)) asking ??= ask(key !== null)
    await asking
  }
}

export const hasKey = (): boolean => tabStorage.read(NAME) !== null

/** Adds a button to the top of the page as soon as a key is stored. */
export function offerToForget(): void {
  if (!hasKey() || document.getElementById('forget')) return
  const button = make('button', { type: 'button', id: 'forget' }, 'Forget key')
  button.addEventListener('click', () => {
    tabStorage.write(NAME, undefined)
    location.reload()
  })
  document.querySelector('header')?.append(button)
}

/** @returns when the user entered a key. The dialog cannot be closed, because without a key there is nothing to show. */
function ask(wasRefused: boolean): Promise<void> {
  const field = make('input', {
    type: 'password',
    name: 'key',
    required: true,
    autocomplete: 'off',
    placeholder: 'tk_…',
    'aria-label': 'API key',
  })
  const form = make(
    'form',
    { method: 'dialog' },
    make(
      'p',
      {},
      wasRefused ? 'This key is not valid here. Enter another one:' : 'This stage needs a key. Enter yours:',
    ),
    field,
    make('p', {}, 'Lost the first key? Run: npm start -- --new-key'),
    make('button', { type: 'submit', class: 'primary' }, 'Open'),
  )
  const dialog = make('dialog', { id: 'key', 'aria-label': 'API key' }, form)
  dialog.addEventListener('cancel', (event) => event.preventDefault())
  document.body.append(dialog)
  dialog.showModal()
  return new Promise((resolve) => {
    form.addEventListener('submit', () => {
      tabStorage.write(NAME, field.value.trim())
      dialog.remove()
      asking = undefined
      offerToForget()
      resolve()
    })
  })
}
