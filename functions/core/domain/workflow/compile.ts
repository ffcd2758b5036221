import type { FieldError } from '../errors.ts'
import {
  type Condition,
  type FailurePolicy,
  MAX_NODES,
  MAX_TASKS,
  type Plan,
  type PlanNode,
  type TaskBody,
} from './plan.ts'
import { findReferences, parseReference, referenceError, referencesOf } from './references.ts'

/** A step as a caller writes it: a task, a wait, or nested steps. */
export interface StepBody {
  readonly name?: string
  readonly after?: readonly string[]
  readonly if?: Condition
  readonly type?: string
  readonly wait?: {
    readonly signal: string
    readonly timeout_seconds?: number
    readonly on_timeout?: 'fail' | 'continue'
  }
  readonly chain?: readonly StepBody[]
  readonly group?: readonly StepBody[]
  readonly chord?: { readonly group: readonly StepBody[]; readonly then: StepBody }
  readonly [field: string]: unknown
}

export interface WorkflowBody {
  readonly chain?: readonly StepBody[]
  readonly group?: readonly StepBody[]
  readonly chord?: { readonly group: readonly StepBody[]; readonly then: StepBody }
  readonly steps?: Readonly<Record<string, StepBody>>
  readonly on_failure?: FailurePolicy
}

export type CompileResult =
  | {
      readonly plan: Plan
      /** Node → path in the body where it was written. */
      readonly paths: ReadonlyMap<string, string>
    }
  | { readonly errors: readonly FieldError[] }

const FORMS = ['chain', 'group', 'chord', 'steps'] as const
const NESTED = ['chain', 'group', 'chord'] as const
const NAME = /^[A-Za-z][\w-]{0,39}$/
const RESERVED = ['previous', 'workflow']
const MAX_ERRORS = 20

/** Compiles a workflow's body into its plan, or returns every error with its path. */
export function compileWorkflow(body: WorkflowBody): CompileResult {
  const compiler = new Compiler()
  const forms = FORMS.filter((form) => body[form] !== undefined)
  if (forms.length !== 1)
    return {
      errors: [{ path: '', message: `must have exactly one of ${FORMS.join(', ')}, not ${forms.length}.` }],
    }
  if (body.steps) compiler.named(body.steps)
  else compiler.step(body as StepBody, '', [], '')
  const errors = compiler.errors.length ? compiler.errors : check(compiler.nodes, compiler.paths)
  if (errors.length) return { errors: errors.slice(0, MAX_ERRORS) }
  return {
    plan: { nodes: compiler.nodes, onFailure: body.on_failure ?? 'fail_fast' },
    paths: compiler.paths,
  }
}

/** Fields that control the step; all others are the body of its task. */
const CONTROL = new Set(['name', 'after', 'if', ...NESTED, 'wait'])

const bodyOf = (step: StepBody): TaskBody =>
  Object.fromEntries(Object.entries(step).filter(([field]) => !CONTROL.has(field))) as TaskBody

class Compiler {
  readonly nodes: PlanNode[] = []
  readonly errors: FieldError[] = []
  /** Node → path in the body where it was written. */
  readonly paths = new Map<string, string>()

  named(steps: Readonly<Record<string, StepBody>>): void {
    const entries = Object.entries(steps)
    if (entries.length === 0) this.#wrong('steps', 'must have at least one step.')
    for (const [name, step] of entries) {
      const path = `steps.${name}`
      if (step.name !== undefined) this.#wrong(`${path}.name`, 'is the key of the step; leave it out.')
      if (NESTED.some((form) => step[form] !== undefined))
        this.#wrong(path, `cannot be a ${NESTED.join(', ')}; write its steps under names of their own.`)
      else this.#leaf({ ...step, name }, path, step.after ?? [], name)
    }
  }

  /**
   * @param auto name for a step without a name of its own.
   * @returns names of the step's last nodes, which the next step comes after.
   */
  step(step: StepBody, path: string, after: readonly string[], auto: string): readonly string[] {
    const at = (field: string): string => (path ? `${path}.${field}` : field)
    if (path && step.after !== undefined)
      this.#wrong(at('after'), 'goes with named steps only; here the order is the form’s.')
    const forms = [...NESTED.filter((form) => step[form] !== undefined)]
    if (forms.length > 1)
      this.#wrong(path, `must have one of ${NESTED.join(', ')}, not ${forms.join(' and ')}.`)
    if (forms.length && path)
      for (const field of Object.keys(step))
        if (!NESTED.includes(field as 'chain')) this.#wrong(at(field), `does not go with ${forms[0]}.`)
    const under = (index: number): string => (auto ? `${auto}-${index + 1}` : String(index + 1))
    if (step.chain) {
      if (step.chain.length === 0) this.#wrong(at('chain'), 'must have at least one step.')
      return step.chain.reduce<readonly string[]>(
        (before, one, index) => this.step(one, `${at('chain')}.${index}`, before, under(index)),
        after,
      )
    }
    if (step.group) return this.#group(step.group, at('group'), after, auto, under)
    if (step.chord) {
      const ends = this.#group(
        step.chord.group,
        at('chord.group'),
        after,
        `${auto || 'group'}`,
        (index) => `group-${under(index)}`,
      )
      return this.step(step.chord.then, at('chord.then'), ends, auto ? `${auto}-then` : 'then')
    }
    return this.#leaf(step, path, after, auto)
  }

  #group(
    members: readonly StepBody[],
    path: string,
    after: readonly string[],
    auto: string,
    under: (index: number) => string,
  ): readonly string[] {
    if (members.length === 0) {
      this.#wrong(path, 'must have at least one step.')
      return []
    }
    const arePlain = members.every(
      (one) =>
        one.type !== undefined && [...CONTROL].every((field) => one[field] === undefined) && !hasEach(one),
    )
    if (!arePlain)
      return members.flatMap((one, index) => this.step(one, `${path}.${index}`, after, under(index)))
    if (members.length > MAX_TASKS)
      this.#wrong(path, `has ${members.length} tasks; at most ${MAX_TASKS} fit.`)
    const name = auto || 'group'
    this.#add({ kind: 'group', name, after, previous: after, tasks: members.map(bodyOf) }, path)
    return [name]
  }

  #leaf(step: StepBody, path: string, after: readonly string[], auto: string): readonly string[] {
    const name = step.name ?? auto
    if (step.name !== undefined && (!NAME.test(step.name) || RESERVED.includes(step.name)))
      this.#wrong(
        `${path}.name`,
        `"${step.name.slice(0, 60)}" must begin with a letter and have at most 40 letters, digits, "_" or "-"; ${RESERVED.join(' and ')} are taken.`,
      )
    const base = { name, after, previous: after, ...(step.if ? { if: step.if } : {}) }
    if (step.wait) {
      for (const field of Object.keys(step))
        if (!CONTROL.has(field)) this.#wrong(`${path}.${field}`, 'does not go with wait.')
      const { signal, timeout_seconds: seconds, on_timeout: onTimeout = 'fail' } = step.wait
      this.#add(
        {
          ...base,
          kind: 'wait',
          signal,
          onTimeout,
          ...(seconds === undefined ? {} : { timeoutMs: seconds * 1_000 }),
        },
        path,
      )
    } else if (typeof step.type !== 'string')
      this.#wrong(path, 'must be a task with a "type", a wait, a chain, a group or a chord.')
    else {
      const each = findReferences(step.input, `${path}.input`).filter(({ kind }) => kind === 'each')
      if (each[1]) this.#wrong(each[1].path, 'is a second "$each"; a step can have one.')
      const text = each[0]?.text
      this.#add(
        { ...base, kind: 'task', task: bodyOf(step), ...(typeof text === 'string' ? { each: text } : {}) },
        path,
      )
    }
    return [name]
  }

  #add(node: PlanNode, path: string): void {
    const other = this.paths.get(node.name)
    if (other !== undefined)
      this.#wrong(path, `has the name "${node.name}" of the step at ${other || 'the top'}.`)
    else if (this.nodes.length === MAX_NODES)
      this.#wrong(
        path,
        `is step ${MAX_NODES + 1}; at most ${MAX_NODES} fit. Equal tasks without names in one group count as one.`,
      )
    else {
      this.paths.set(node.name, path)
      this.nodes.push(node)
    }
  }

  #wrong(path: string, message: string): void {
    if (this.errors.length < MAX_ERRORS) this.errors.push({ path, message })
  }
}

const hasEach = (step: StepBody): boolean =>
  findReferences(step.input, '').some(({ kind }) => kind === 'each')

/** Checks references, order and cycles. A reference is a dependency, whether or not `after` names it. */
function check(nodes: PlanNode[], paths: ReadonlyMap<string, string>): readonly FieldError[] {
  const errors: FieldError[] = []
  const names = new Set(nodes.map(({ name }) => name))
  for (const [index, node] of nodes.entries()) {
    const path = paths.get(node.name) ?? ''
    const needed = new Set(node.after)
    for (const name of node.after)
      if (!names.has(name)) errors.push({ path: `${path}.after`, message: `"${name}" is no step.` })
    for (const found of referencesOf(node, path)) {
      const wrong = referenceError(found)
      if (wrong) errors.push(wrong)
      const reference = parseReference(found.text)
      if (typeof reference === 'string') continue
      if (reference.step === 'previous') {
        if (node.previous.length === 0)
          errors.push({ path: found.path, message: '"previous" means nothing here: no step comes before.' })
      } else if (!names.has(reference.step))
        errors.push({ path: found.path, message: `"${reference.step}" is no step.` })
      else if (reference.step === node.name)
        errors.push({ path: found.path, message: 'refers to its own step.' })
      else needed.add(reference.step)
    }
    nodes[index] = { ...node, after: [...needed] }
  }
  return errors.length ? errors : cycles(nodes, paths)
}

/** Kahn's algorithm: nodes that cannot be ordered are in a cycle, or after one. */
function cycles(nodes: readonly PlanNode[], paths: ReadonlyMap<string, string>): readonly FieldError[] {
  const left = new Map(nodes.map(({ name, after }) => [name, new Set(after)]))
  for (let isMoving = true; isMoving; ) {
    isMoving = false
    for (const [name, after] of left)
      if (after.size === 0) {
        left.delete(name)
        for (const other of left.values()) other.delete(name)
        isMoving = true
      }
  }
  const [first] = left
  if (!first) return []
  const walked: string[] = []
  let name = first[0]
  for (; !walked.includes(name); name = [...(left.get(name) ?? [])][0] ?? name) walked.push(name)
  // Leave out the nodes that come after the cycle.
  const cycle = walked.slice(walked.indexOf(name))
  const order = [name, ...cycle.slice(1).reverse(), name]
  return [{ path: paths.get(name) ?? '', message: `is in a cycle: ${order.join(' → ')}.` }]
}
