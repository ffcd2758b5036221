import { plainFileName, type TaskContext, TaskError } from '../../core/kit/index.ts'
import type { Input, Output } from './task.ts'
import { fill } from './template.ts'

/** SES accepts 40 MB, counted after base64 encoding. */
const MAX_ATTACHED_BYTES = 25_000_000

export async function send({
  input,
  mail,
  files,
  progress,
}: TaskContext<Input, 'mail' | 'files'>): Promise<Output> {
  const values = input.values ?? {}
  const subject = fill(input.subject, values, 'line')
  const text = input.text === undefined ? undefined : fill(input.text, values, 'text')
  const html = input.html === undefined ? undefined : fill(input.html, values, 'html')
  progress(10, 'reading attachments')
  const attachments = []
  let attached = 0
  for (const { name, ...ref } of input.attachments) {
    const file = await files.read(ref)
    attached += file.bytes.byteLength
    if (attached > MAX_ATTACHED_BYTES)
      throw new TaskError(`The attachments have over ${MAX_ATTACHED_BYTES} bytes together.`, {
        code: 'mail_too_large',
      })
    attachments.push({
      name: plainFileName(name ?? file.name ?? `attachment-${attachments.length + 1}`),
      contentType: file.mediaType,
      bytes: file.bytes,
    })
  }
  progress(60, input.dry_run ? 'checked' : 'sending')
  const sent = input.dry_run
    ? undefined
    : await mail.send({
        to: input.to,
        cc: input.cc,
        bcc: input.bcc,
        replyTo: input.reply_to,
        subject,
        attachments,
        ...(text === undefined ? {} : { text }),
        ...(html === undefined ? {} : { html }),
      })
  return {
    message_id: sent?.messageId ?? null,
    subject,
    text: text ?? null,
    html: html ?? null,
    attachments: attachments.map(({ name, contentType, bytes }) => ({
      name,
      media_type: contentType,
      bytes: bytes.byteLength,
    })),
  }
}
