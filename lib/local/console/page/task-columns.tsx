/// <reference lib="dom" />
/** The columns of the list. Which of them are shown is stored in this browser. */
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import type { TaskRow } from '../task-index.ts'
import { costText } from './client.ts'
import { Age, durationOf } from './parts.tsx'
import { browserStorage } from './storage.ts'

export interface Column {
  readonly name: string
  readonly label: string
  readonly show: (row: TaskRow) => ComponentChildren
  readonly isNumber?: boolean
  /** The server can sort by the field with the column's name. */
  readonly isSorted?: boolean
  /** Whether it is shown by default: always, on wide screens only, or not. */
  readonly usual: 'always' | 'wide' | 'never'
}

const COLUMNS: readonly Column[] = [
  { name: 'id', label: 'Id', show: ({ id }) => <code>{id}</code>, usual: 'never' },
  { name: 'type', label: 'Type', show: ({ type }) => type, isSorted: true, usual: 'wide' },
  { name: 'lane', label: 'Lane', show: ({ lane }) => lane, isSorted: true, usual: 'wide' },
  { name: 'priority', label: 'Priority', show: ({ priority }) => priority, isNumber: true, usual: 'never' },
  { name: 'model', label: 'Model', show: ({ model }) => model ?? '–', isSorted: true, usual: 'wide' },
  { name: 'tags', label: 'Tags', show: ({ tags }) => tags.join(', ') || '–', usual: 'never' },
  {
    name: 'attempts',
    label: 'Attempts',
    show: (row) => `${row.attempts}/${row.max_attempts}`,
    isNumber: true,
    isSorted: true,
    usual: 'wide',
  },
  { name: 'duration', label: 'Ran', show: durationOf, isNumber: true, isSorted: true, usual: 'wide' },
  {
    name: 'cost',
    label: 'Cost',
    show: ({ usage }) => costText(usage?.cost_usd),
    isNumber: true,
    isSorted: true,
    usual: 'wide',
  },
  {
    name: 'created',
    label: 'Age',
    show: (row) => <Age time={row.created_at} />,
    isNumber: true,
    isSorted: true,
    usual: 'always',
  },
]

const STORAGE_KEY = 'taskrunner-columns'

const readStored = (): readonly string[] | undefined => browserStorage.read(STORAGE_KEY)?.split(',')

/** @returns the shown columns with their classes, and the menu that selects them. */
export function useColumns() {
  const [kept, setKept] = useState(readStored)
  const isShown = ({ name, usual }: Column) => (kept ? kept.includes(name) : usual !== 'never')
  const shown = COLUMNS.filter(isShown).map((column) => ({
    ...column,
    className: [column.isNumber && 'number', !kept && column.usual === 'wide' && 'wide']
      .filter(Boolean)
      .join(' '),
  }))
  const toggle = (column: Column) => {
    const next = COLUMNS.filter((other) => (other === column ? !isShown(other) : isShown(other)))
    const names = next.map(({ name }) => name)
    browserStorage.write(STORAGE_KEY, names.join())
    setKept(names)
  }
  const choice = (
    <details class="choice">
      <summary>Columns</summary>
      <div>
        {COLUMNS.map((column) => (
          <label key={column.name}>
            <input type="checkbox" checked={isShown(column)} onChange={() => toggle(column)} /> {column.label}
          </label>
        ))}
        <button
          type="button"
          class="plain"
          onClick={() => {
            browserStorage.write(STORAGE_KEY, undefined)
            setKept(undefined)
          }}
        >
          Reset
        </button>
      </div>
    </details>
  )
  return { shown, choice }
}
