/// <reference lib="dom" />
/** A form generated from the task type's schema. */
import { useEffect, useState } from 'preact/hooks'
import { api, type Problem, type Task, useLive } from './client.ts'
import { Failure } from './parts.tsx'
import { bodyOf } from './task-copies.ts'

interface Schema {
  readonly type?: string | readonly string[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly description?: string
  readonly default?: unknown
  readonly minimum?: number
  readonly maximum?: number
  readonly maxLength?: number
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
}

interface TaskType {
  readonly name: string
  readonly summary: string
  readonly lane: string
  readonly uses_model?: boolean
  readonly input_schema: Schema
  readonly examples?: readonly Readonly<Record<string, unknown>>[]
}

type Values = Readonly<Record<string, string>>

const OPTIONS: Readonly<Record<string, Schema>> = {
  model: { type: 'string', maxLength: 100, description: 'If empty, the stage’s default model.' },
  priority: { type: 'integer', minimum: 0, maximum: 10, description: '8 and above use the urgent lane.' },
  delay_seconds: { type: 'integer', minimum: 0, description: 'Run after this many seconds.' },
  run_at: {
    type: 'string',
    maxLength: 40,
    description: 'Run at this time, such as 2030-01-01T09:00:00+01:00.',
  },
  expires_in_seconds: { type: 'integer', minimum: 1, description: 'Do not start later than this.' },
  max_attempts: { type: 'integer', minimum: 1, maximum: 10, description: 'Including the first.' },
  timeout_seconds: { type: 'integer', minimum: 1, description: 'Limit of one attempt.' },
  max_cost_usd: { type: 'number', description: 'The most its model calls may cost.' },
  concurrency_key: {
    type: 'string',
    maxLength: 200,
    description: 'Tasks with the same key run one after another.',
  },
  tags: { type: 'array', description: 'A JSON list of words.' },
}

export function SubmitPage() {
  const from = new URL(location.href).searchParams.get('from')
  const { data, error } = useLive(
    async () => ({
      types: (await api<{ task_types: readonly TaskType[] }>('/task-types')).task_types,
      origin: from ? await api<Task>(`/tasks/${from}`) : undefined,
    }),
    0,
    from ?? '',
  )
  const [chosen, choose] = useState('')
  const [values, setValues] = useState<Values>({})
  /** Fields that had a value at the start are shown first, even when they are cleared. */
  const [shown, setShown] = useState<readonly string[]>([])
  const [problem, setProblem] = useState<Problem>()
  const [isBusy, setBusy] = useState(false)
  const types = data?.types ?? []
  const type = types.find(({ name }) => name === chosen)
  const pick = (name: string, origin?: Task) => {
    const found = types.find((item) => item.name === name)
    choose(name)
    setProblem(undefined)
    const given = toValues(origin ? bodyOf(origin) : { input: found?.examples?.[0] ?? {} })
    setValues(given)
    setShown(Object.keys(given))
  }
  useEffect(() => {
    const [first] = types
    if (!data || chosen || !first) return
    const usual = types.find(({ name }) => name === 'text.generate') ?? first
    pick(data.origin?.type ?? usual.name, data.origin)
  }, [data])
  if (!data || !type) return <Failure error={error} />
  const submit = async (event: Event) => {
    event.preventDefault()
    setBusy(true)
    try {
      const task = await api<Task>('/tasks', toBody(type, values))
      location.assign(`/console/tasks/${task.id}`)
    } catch (cause) {
      setProblem(cause as Problem)
      setBusy(false)
    }
  }
  const problemAt = (path: string) =>
    problem?.errors?.find((item) => item.path === path || item.path.startsWith(`${path}.`))?.message
  const field = (path: string, name: string, schema: Schema, isRequired: boolean) => (
    <Field
      key={`${type.name} ${path}`}
      name={name}
      schema={schema}
      isRequired={isRequired}
      value={values[path] ?? ''}
      error={problemAt(path)}
      onChange={(value) => setValues({ ...values, [path]: value })}
    />
  )
  const { properties = {}, required = [] } = type.input_schema
  const inputs = Object.entries(properties)
  const isFirst = (name: string) => required.includes(name) || shown.includes(`input.${name}`)
  const inputOf = ([name, schema]: (typeof inputs)[number]) =>
    field(`input.${name}`, name, schema, required.includes(name))
  const further = inputs.filter(([name]) => !isFirst(name))
  const { model, ...options } = OPTIONS
  return (
    <form class="submit card" onSubmit={(event) => void submit(event)}>
      <h1>{data.origin ? 'Submit again, with changes' : 'Submit a task'}</h1>
      <label>
        <span>Type</span>
        <select value={type.name} onChange={(event) => pick(event.currentTarget.value)}>
          {types.map(({ name }) => (
            <option key={name}>{name}</option>
          ))}
        </select>
        <small>{type.summary}</small>
      </label>
      {inputs.filter(([name]) => isFirst(name)).map(inputOf)}
      {type.uses_model !== false && model && field('model', 'model', model, false)}
      {further.length > 0 && (
        <details key={`${type.name} further`} open={further.some(([name]) => problemAt(`input.${name}`))}>
          <summary>
            {further.length} more fields: {further.map(([name]) => name).join(', ')}
          </summary>
          {further.map(inputOf)}
        </details>
      )}
      <details open={Object.keys(options).some((name) => values[name])}>
        <summary>When and how it runs</summary>
        {Object.entries(options).map(([name, schema]) => field(name, name, schema, false))}
      </details>
      {problem && <Failure error={problem} />}
      <div class="row end">
        <button type="submit" class="primary" disabled={isBusy}>
          Submit
        </button>
      </div>
    </form>
  )
}

function Field(options: {
  name: string
  schema: Schema
  isRequired: boolean
  value: string
  error: string | undefined
  onChange: (value: string) => void
}) {
  const { name, schema, isRequired, value, error, onChange } = options
  const shared = {
    value,
    required: isRequired,
    'aria-invalid': error !== undefined,
    onInput: (event: { currentTarget: { value: string } }) => onChange(event.currentTarget.value),
  }
  const placeholder = schema.default === undefined ? '' : String(schema.default)
  const kind = kindOf(schema)
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: every branch contains one field
    <label>
      <span>
        {name}
        {isRequired && ' *'}
      </span>
      {kind === 'choice' ? (
        <select {...shared}>
          <option value="">{placeholder || '–'}</option>
          {(schema.enum ?? [true, false]).map((item) => (
            <option key={String(item)}>{String(item)}</option>
          ))}
        </select>
      ) : kind === 'long' || kind === 'json' ? (
        <textarea rows={kind === 'long' ? 6 : 3} placeholder={placeholder} class={kind} {...shared} />
      ) : (
        <input
          inputMode={kind === 'number' ? 'decimal' : 'text'}
          placeholder={[placeholder, rangeOf(schema)].filter(Boolean).join(', ')}
          {...shared}
        />
      )}
      {error ? (
        <small class="failure">{error}</small>
      ) : (
        schema.description && <small>{schema.description}</small>
      )}
    </label>
  )
}

const rangeOf = ({ minimum, maximum }: Schema): string =>
  minimum === undefined && maximum === undefined ? '' : `${minimum ?? ''}–${maximum ?? ''}`

function kindOf({
  type,
  enum: choices,
  maxLength = 100_000,
}: Schema): 'choice' | 'number' | 'short' | 'long' | 'json' {
  if (choices) return 'choice'
  if (type === 'boolean') return 'choice'
  if (type === 'integer' || type === 'number') return 'number'
  if (type === 'string') return maxLength > 300 ? 'long' : 'short'
  return 'json'
}

/** Texts of the fields: strings unchanged, everything else as JSON. */
function toValues({ input, ...others }: Record<string, unknown>): Values {
  const shown = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value))
  const fields = Object.entries((input ?? {}) as object).map(([name, value]) => [
    `input.${name}`,
    shown(value),
  ])
  const rest = Object.entries(others).map(([name, value]) => [name, shown(value)])
  return Object.fromEntries([...fields, ...rest])
}

function toBody(type: TaskType, values: Values): Record<string, unknown> {
  const read = (schema: Schema, text: string): unknown => {
    if (schema.type === 'string' || (schema.enum?.every((item) => typeof item === 'string') ?? false))
      return text
    try {
      return JSON.parse(text)
    } catch {
      return text
    }
  }
  const input: Record<string, unknown> = {}
  for (const [name, schema] of Object.entries(type.input_schema.properties ?? {})) {
    const text = values[`input.${name}`] ?? ''
    if (text !== '') input[name] = read(schema, text)
  }
  const body: Record<string, unknown> = { type: type.name, input }
  for (const [name, schema] of Object.entries(OPTIONS)) {
    const text = values[name] ?? ''
    if (text !== '') body[name] = read(schema, text)
  }
  return body
}
