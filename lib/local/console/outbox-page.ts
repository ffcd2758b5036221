import type { Outbox, SentMail } from '../emulator/services/outbox.ts'

const escaped = (text: string): string => text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`)

/**
 * The mails as a mail client would show them. A mail's HTML is shown in a frame without scripts, forms and origin, because
 * templates and values can come from anybody.
 */
export function outboxPage({ mails, damaged }: Outbox): string {
  const shown = mails.map(toArticle).join('\n')
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Outbox</title>
<style>
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif }
body { max-width: 52rem; margin: 2rem auto; padding: 0 1rem }
article { border: 1px solid #8884; border-radius: 8px; margin: 1rem 0; padding: 1rem }
h2 { margin: 0 0 .5rem; font-size: 1.1rem }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1rem; margin: 0; opacity: .8 }
dd { margin: 0; overflow-wrap: anywhere }
iframe { width: 100%; height: 20rem; border: 1px solid #8884; background: white; margin-top: 1rem }
pre { white-space: pre-wrap; overflow-wrap: anywhere }
</style>
<p><a href="/console">Console</a></p>
<h1>Outbox</h1>
${damaged.map((file) => `<p>${escaped(file)} is damaged and is left out. Delete it.</p>`).join('')}
${shown || '<p>No mail has been sent. Submit one: <code>{"type": "email.send", …}</code></p>'}
</html>`
}

const row = (name: string, values: readonly string[]): string =>
  values.length === 0 ? '' : `<dt>${name}</dt><dd>${values.map(escaped).join(', ')}</dd>`

function toArticle(mail: SentMail): string {
  const files = mail.attachments.map(
    ({ name, contentType, base64 }) =>
      `${name} (${contentType}, ${Math.floor((base64.length * 3) / 4)} bytes)`,
  )
  return `<article><h2>${escaped(mail.subject)}</h2><dl>
${row('From', [mail.from])}${row('To', mail.to)}${row('Cc', mail.cc)}${row('Bcc', mail.bcc)}${row('Reply to', mail.replyTo)}
${row('Sent', [new Date(mail.at).toISOString()])}${row('Attached', files)}</dl>
${mail.html === null ? '' : `<iframe sandbox srcdoc="${escaped(mail.html)}" title="The mail"></iframe>`}
${mail.text === null ? '' : `<pre>${escaped(mail.text)}</pre>`}
</article>`
}
