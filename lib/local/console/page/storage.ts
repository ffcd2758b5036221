/// <reference lib="dom" />
/** The browser's storage. A browser that blocks it throws at each access; values then last as long as the page. */

export interface Storage {
  read(name: string): string | null
  /** @param value undefined deletes it. */
  write(name: string, value: string | undefined): void
}

function openStorage(kind: 'localStorage' | 'sessionStorage'): Storage {
  const unsaved = new Map<string, string | null>()
  return {
    read(name) {
      const value = unsaved.get(name)
      if (value !== undefined) return value
      try {
        return window[kind].getItem(name)
      } catch {
        return null
      }
    },
    write(name, value) {
      try {
        if (value === undefined) window[kind].removeItem(name)
        else window[kind].setItem(name, value)
        unsaved.delete(name)
      } catch {
        unsaved.set(name, value ?? null)
      }
    },
  }
}

/** Kept by this browser. */
export const browserStorage = openStorage('localStorage')
/** Deleted with the tab. */
export const tabStorage = openStorage('sessionStorage')
