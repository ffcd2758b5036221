/// <reference lib="dom" />
import type { AlarmChange, AlarmState, AlarmStatus } from '../../cloudwatch/alarm-watch.ts'
import { durationText, make, numberText, repeat, table, timeText } from './dom.ts'
import { load } from './load.ts'

interface Data {
  readonly now: number
  readonly alarms: readonly AlarmStatus[]
  readonly changes: readonly AlarmChange[]
}

const MARKS: Readonly<Record<AlarmState, string>> = { ALARM: '✖', OK: '✔', INSUFFICIENT_DATA: '?' }
const WORDS: Readonly<Record<AlarmState, string>> = {
  ALARM: 'ALARM',
  OK: 'OK',
  INSUFFICIENT_DATA: 'no data yet',
}
const ORDER: readonly AlarmState[] = ['ALARM', 'INSUFFICIENT_DATA', 'OK']

/** A symbol beside the colour, for people who cannot see colours. */
export const stateMark = (state: AlarmState): HTMLElement =>
  make('span', { class: 'mark', 'data-state': state, 'aria-label': WORDS[state], role: 'img' }, MARKS[state])

export const alarmingFirst = (alarms: readonly AlarmStatus[]): readonly AlarmStatus[] =>
  alarms.toSorted((left, right) => ORDER.indexOf(left.state) - ORDER.indexOf(right.state))

export function showAlarms(main: HTMLElement): void {
  const current = make('div', { 'data-part': 'alarms' })
  const past = make('div', { 'data-part': 'changes' })
  main.append(
    make('h1', {}, 'Alarms'),
    make(
      'p',
      { class: 'muted' },
      'The alarms of the template, evaluated here every 5 s over periods that end now. In the cloud they notify their topic. The number at the top counts alarms that notify somebody.',
    ),
    current,
    make('h2', {}, 'Changes'),
    past,
  )
  let isFirst = true
  repeat(5_000, async () => {
    const { now, alarms, changes } = await load<Data>('alarms')
    const sorted = alarmingFirst(alarms)
    current.replaceChildren(
      table(
        ['State', 'Meaning', 'Since', 'Value', 'Threshold', 'Notifies', 'Alarm'],
        sorted.map(({ state, name, label, since, value, threshold, tells, description, problem }) => [
          make('span', { 'data-state': state, class: 'state' }, stateMark(state), WORDS[state]),
          make(
            'span',
            {},
            described(description),
            problem !== undefined && ` Not evaluated here: ${problem}`,
          ),
          durationText(now - since),
          numberText(value),
          numberText(threshold),
          tells.join(', ') || 'nobody; used by other alarms',
          make('code', { id: name }, label),
        ]),
      ),
    )
    past.replaceChildren(
      changes.length === 0
        ? make('p', { class: 'muted' }, 'No change since the start.')
        : table(
            ['When', 'Alarm', 'From', 'To', 'Value'],
            changes.map(({ at, name, from, to, value }) => [
              timeText(at),
              name,
              WORDS[from],
              make('span', { 'data-state': to, class: 'state' }, stateMark(to), WORDS[to]),
              numberText(value),
            ]),
          ),
    )
    if (isFirst && location.hash)
      document.getElementById(location.hash.slice(1))?.scrollIntoView({ block: 'center' })
    isFirst = false
  })
}

/** The runbook's heading becomes a link. */
function described(description: string): HTMLElement {
  const [, text = description, link] = /^(.*) Runbook: (\S+)$/.exec(description) ?? []
  return make('span', {}, `${text} `, link !== undefined && make('a', { href: link }, 'Runbook'))
}

/** Shown at the top of every page. */
export function showHealth(place: HTMLElement): void {
  repeat(5_000, async () => {
    const { alarms } = await load<Data>('alarms')
    const bad = alarms.filter(({ state, tells }) => state === 'ALARM' && tells.length > 0)
    place.dataset.state = bad.length > 0 ? 'ALARM' : 'OK'
    place.replaceChildren(
      make(
        'a',
        { href: '/console/alarms' },
        bad.length > 0 ? `✖ ${bad.length} ${bad.length === 1 ? 'alarm' : 'alarms'}` : '✔ no alarm',
      ),
    )
  })
}
