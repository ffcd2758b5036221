/** Reads Server-Sent Events from an answer: https://html.spec.whatwg.org/multipage/server-sent-events.html */

export interface ServerSentEvent {
  readonly id: string
  readonly event: string
  readonly data: string
}

/** @returns the events of a body; `retry` is the wait in milliseconds before reconnecting. */
export async function* readEvents(
  body: ReadableStream<Uint8Array>,
  onRetry: (ms: number) => void,
): AsyncGenerator<ServerSentEvent> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let rest = ''
  let id = ''
  let event = ''
  let data: string[] = []
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      const lines = (rest + decoder.decode(value, { stream: true })).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        if (line === '') {
          if (data.length > 0) yield { id, event, data: data.join('\n') }
          event = ''
          data = []
          continue
        }
        const [, field, text = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? []
        if (field === 'id') id = text
        else if (field === 'event') event = text
        else if (field === 'data') data.push(text)
        else if (field === 'retry') onRetry(Number(text))
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}
