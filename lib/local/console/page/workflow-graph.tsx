/// <reference lib="dom" />
/** The steps as boxes in columns. Each is to the right of the steps that it waits for, with a line from each of them. */
import type { Step } from './workflows-page.tsx'

const BOX = { width: 168, height: 46, right: 44, below: 14 } as const
/** A larger graph is not drawn, because it would not be readable; the table below lists all steps. */
const MAX_STEPS = 120

interface Place {
  readonly column: number
  readonly row: number
}

/** A step's column is the length of the longest path to it. */
export function placesOf(steps: Readonly<Record<string, Pick<Step, 'after'>>>): ReadonlyMap<string, Place> {
  const columns = new Map<string, number>()
  const columnOf = (name: string): number => {
    const known = columns.get(name)
    if (known !== undefined) return known
    // Ends the recursion in a cycle, although the API refuses cycles.
    columns.set(name, 0)
    const column = Math.max(-1, ...(steps[name]?.after ?? []).map(columnOf)) + 1
    columns.set(name, column)
    return column
  }
  const rows = new Map<number, number>()
  return new Map(
    Object.keys(steps).map((name) => {
      const column = columnOf(name)
      const row = rows.get(column) ?? 0
      rows.set(column, row + 1)
      return [name, { column, row }]
    }),
  )
}

export function GraphOfSteps({ steps }: { steps: Readonly<Record<string, Step>> }) {
  const entries = Object.entries(steps)
  if (entries.length > MAX_STEPS) return null
  const places = placesOf(steps)
  const all = [...places.values()]
  const left = ({ column }: Place) => column * (BOX.width + BOX.right) + 1
  const top = ({ row }: Place) => row * (BOX.height + BOX.below) + 1
  const width = Math.max(...all.map(left)) + BOX.width + 2
  const height = Math.max(...all.map(top)) + BOX.height + 2
  return (
    <section class="card scroll" aria-label="Graph">
      <svg class="steps" width={width} height={height} role="img" aria-label="The steps and their order">
        {entries.flatMap(([name, { after }]) =>
          after.map((before) => {
            const [from, to] = [places.get(before), places.get(name)]
            if (!from || !to) return null
            const [x1, y1] = [left(from) + BOX.width, top(from) + BOX.height / 2]
            const [x2, y2] = [left(to), top(to) + BOX.height / 2]
            const bend = BOX.right / 2
            return (
              <path
                key={`${before} ${name}`}
                d={`M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`}
              />
            )
          }),
        )}
        {entries.map(([name, step]) => {
          const place = places.get(name)
          return place && <Box key={name} name={name} step={step} x={left(place)} y={top(place)} />
        })}
      </svg>
    </section>
  )
}

function Box({ name, step, x, y }: { name: string; step: Step; x: number; y: number }) {
  const { completed, failed, total } = step.tasks
  const second = total > 1 ? `${completed} of ${total}` : (step.type ?? step.signal ?? '')
  const share = total > 0 ? (completed + failed) / total : 0
  const box = (
    <g class="step" data-status={step.status} transform={`translate(${x} ${y})`}>
      <title>{`${name}: ${step.status.toLowerCase()}${step.error ? `, ${step.error.message}` : ''}`}</title>
      <rect width={BOX.width} height={BOX.height} rx="6" />
      {total > 1 && <rect class="bar" y={BOX.height - 4} width={BOX.width * share} height="4" />}
      <text x="10" y="19">
        {clip(name)}
      </text>
      <text x="10" y="36" class="second">
        {clip(`${step.status.toLowerCase()}${second ? ` · ${second}` : ''}`, 26)}
      </text>
    </g>
  )
  return step.task_id ? <a href={`/console/tasks/${step.task_id}`}>{box}</a> : box
}

const clip = (text: string, max = 21): string => (text.length > max ? `${text.slice(0, max - 1)}…` : text)
