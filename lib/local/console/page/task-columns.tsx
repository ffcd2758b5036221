/// <reference lib="dom" />
/** The columns of the list, and which of them a person wants: kept in this browser. */
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import type { TaskRow } from '../task-index.ts'
import { money } from './client.ts'
import { Age, durationOf } from './parts.tsx'

export interface Column {
  readonly name: string
  readonly label: string
  readonly show: (row: TaskRow) => ComponentChildren
  readonly isNumber?: boolean
  /** What the server can sort by; the field has the column's name. */
  readonly isSorted?: boolean
  /** Shown to who has chosen none: always, where there is room, or not. */
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
    label: 'Tries',
    show: (row) => `${row.attempts}/${row.max_attempts}`,
    isNumber: true,
    isSorted: true,
    usual: 'wide',
  },
  { name: 'duration', label: 'Ran', show: durationOf, isNumber: true, isSorted: true, usual: 'wide' },
  {
    name: 'cost',
    label: 'Cost',
    show: ({ usage }) => money(usage?.cost_usd),
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

const KEPT = 'taskrunner-columns'

const readKept = (): readonly string[] | undefined => localStorage.getItem(KEPT)?.split(',')

/** @returns those to show, with their classes, and the box to choose them in. */
export function useColumns() {
  const [kept, setKept] = useState(readKept)
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
    localStorage.setItem(KEPT, names.join())
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
            localStorage.removeItem(KEPT)
            setKept(undefined)
          }}
        >
          The usual ones
        </button>
      </div>
    </details>
  )
  return { shown, choice }
}
