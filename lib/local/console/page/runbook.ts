/// <reference lib="dom" />
import { load, make } from './dom.ts'

/** What to do about each alarm. */
export function showRunbook(main: HTMLElement): void {
  const text = make('article')
  main.append(text)
  void load<{ html: string }>('runbook').then(({ html }) => {
    text.innerHTML = html
    if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView()
  })
}
