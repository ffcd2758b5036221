/// <reference lib="dom" />
import { make } from './dom.ts'
import { load } from './load.ts'

/** The runbook: what to do about each alarm. */
export function showRunbook(main: HTMLElement): void {
  const text = make('article')
  main.append(text)
  void load<{ html: string }>('runbook').then(({ html }) => {
    text.innerHTML = html
    if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView()
  })
}
