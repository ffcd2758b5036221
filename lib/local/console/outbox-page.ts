import type { Outbox, SentMail } from '../emulator/services/outbox.ts'

const escaped = (text: string): string => text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`)

/**
 * The mails as a mail client would show them. A mail's HTML is shown in a frame without scripts, forms and origin, because
 * templates and values can come from anybody.
 */
export function toArticles({ mails, damaged }: Outbox): string {
  const shown = mails.map(toArticle).join('\n')
  return `<h1>Outbox</h1>
${damaged.map((file) => `<p>${escaped(file)} is damaged and is left out. Delete it.</p>`).join('')}
${shown || '<p>No mail has been sent. Submit one: <code>{"type": "email.send", …}</code></p>'}`
}

const row = (name: string, values: readonly string[]): string =>
  values.length === 0 ? '' : `<dt>${name}</dt><dd>${values.map(escaped).join(', ')}</dd>`

function toArticle(mail: SentMail): string {
  const files = mail.attachments.map(
    ({ name, contentType, base64 }) =>
      `${name} (${contentType}, ${Math.floor((base64.length * 3) / 4)} bytes)`,
  )
  return `<article class="card outbox"><h2>${escaped(mail.subject)}</h2><dl>
${row('From', [mail.from])}${row('To', mail.to)}${row('Cc', mail.cc)}${row('Bcc', mail.bcc)}${row('Reply to', mail.replyTo)}
${row('Sent', [new Date(mail.at).toISOString()])}${row('Attached', files)}</dl>
${mail.html === null ? '' : `<iframe sandbox srcdoc="${escaped(mail.html)}" title="The mail"></iframe>`}
${mail.text === null ? '' : `<pre>${escaped(mail.text)}</pre>`}
</article>`
}
