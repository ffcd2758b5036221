/// <reference lib="dom" />
/** Shows a result by its kind: text, data, image, file or e-mail. */
import { useEffect, useState } from 'preact/hooks'
import { apiPath, type Task } from './client.ts'
import { fetchWithKey, hasKey } from './key.ts'
import { looksLikeMarkdown, toHtml } from './markdown.ts'
import { Copy, Json } from './parts.tsx'

type Fields = Readonly<Record<string, unknown>>

const IMAGE = /^data:image\/(?:png|jpeg|gif|webp);base64,/

/** Sends the key, which a plain link cannot do. */
async function download(url: string, name: string): Promise<void> {
  const address = URL.createObjectURL(await (await fetchWithKey(url)).blob())
  const link = document.createElement('a')
  link.href = address
  link.download = name
  link.click()
  URL.revokeObjectURL(address)
}

export function Result({ task }: { task: Task }) {
  const { result } = task
  if (result === null)
    return (
      <p>
        The result is too large to be shown.{' '}
        <a
          href={`${apiPath()}/tasks/${task.id}/result`}
          onClick={(event) => {
            if (!hasKey()) return
            event.preventDefault()
            void download(`${apiPath()}/tasks/${task.id}/result`, `${task.id}.json`)
          }}
        >
          Download it
        </a>
        .
      </p>
    )
  return (
    <>
      <One value={result} input={task.input} />
      <p>
        <Copy label="Copy" text={typeof result === 'string' ? result : JSON.stringify(result, null, 2)} />
      </p>
    </>
  )
}

function One({ value, input }: { value: unknown; input: unknown }) {
  if (typeof value === 'string') {
    if (IMAGE.test(value)) return <img src={value} alt="The result" />
    return <Text text={value} />
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return <Json value={value} />
  const fields = value as Fields
  if (isEmail(fields)) return <Email mail={{ ...addressesIn(input), ...fields }} />
  if (typeof fields.text === 'string' && Object.keys(fields).length === 1) return <Text text={fields.text} />
  const pictures = Object.entries(fields).filter(([, item]) => typeof item === 'string' && IMAGE.test(item))
  const file = fileOf(fields)
  return (
    <>
      {pictures.map(([name, source]) => (
        <img key={name} src={String(source)} alt={name} />
      ))}
      {file && (
        <p>
          <a href={file.href} download={file.name}>
            {file.name}
          </a>
        </p>
      )}
      <Json value={value} />
    </>
  )
}

/** Shows Markdown formatted, with a button for its source; other text unchanged. */
function Text({ text }: { text: string }) {
  const [html, setHtml] = useState<string>()
  const [isPlain, setPlain] = useState(false)
  useEffect(() => {
    setHtml(undefined)
    if (!looksLikeMarkdown(text)) return
    let isGone = false
    toHtml(text).then(
      (made) => !isGone && setHtml(made),
      () => undefined,
    )
    return () => {
      isGone = true
    }
  }, [text])
  if (html === undefined) return <div class="text">{text}</div>
  return (
    <>
      {isPlain ? (
        <div class="text">{text}</div>
      ) : (
        <div class="markdown" dangerouslySetInnerHTML={{ __html: html }} />
      )}
      <p>
        <button type="button" onClick={() => setPlain(!isPlain)}>
          {isPlain ? 'Show formatted' : 'Show source'}
        </button>
      </p>
    </>
  )
}

/** The result of a mail task contains no addresses, so they are read from its input. */
const addressesIn = (input: unknown): Fields => {
  const { from, to, cc } = (input ?? {}) as Fields
  return {
    ...(from ? { from } : {}),
    ...(to ? { to } : {}),
    ...(Array.isArray(cc) && cc.length > 0 ? { cc } : {}),
  }
}

const isEmail = ({ to, message_id, subject, html, text, body }: Fields): boolean =>
  (to !== undefined || message_id !== undefined) &&
  typeof subject === 'string' &&
  [html, text, body].some((part) => typeof part === 'string')

function Email({ mail }: { mail: Fields }) {
  const html = typeof mail.html === 'string' ? mail.html : undefined
  return (
    <div class="mail">
      <dl class="facts">
        {['from', 'to', 'cc', 'subject'].map((name) =>
          mail[name] === undefined ? null : (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{Array.isArray(mail[name]) ? mail[name].join(', ') : String(mail[name])}</dd>
            </div>
          ),
        )}
      </dl>
      {/* The empty sandbox allows no scripts, forms or navigation. */}
      {html ? (
        <iframe sandbox="" srcDoc={html} title="The e-mail" />
      ) : (
        <div class="text">{String(mail.text ?? mail.body)}</div>
      )}
    </div>
  )
}

/** A file in a result: an object with a name, and a URL or the data itself. */
function fileOf({
  name,
  filename,
  url,
  data,
  content_type,
}: Fields): { name: string; href: string } | undefined {
  const called = typeof filename === 'string' ? filename : typeof name === 'string' ? name : undefined
  if (!called) return undefined
  if (typeof data === 'string' && typeof content_type === 'string' && /^[\w+/=\s]+$/.test(data))
    return { name: called, href: `data:application/octet-stream;base64,${data}` }
  return typeof url === 'string' && /^https?:\/\//.test(url) ? { name: called, href: url } : undefined
}
