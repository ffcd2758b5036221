import { describe, expect, it } from 'vitest'
import { toDelivery } from '../../../functions/core/adapters/ses/mailer.ts'
import { runTaskType } from '../../../functions/core/kit/run-task-type.ts'
import task from '../../../functions/tasks/email-send/task.ts'
import { toArticles } from '../../../lib/local/console/outbox-page.ts'

const MAIL = { to: ['ada@example.com'], subject: 'Hello {{name}}', text: 'Dear {{name}}' }

describe('email.send', () => {
  it('inserts values: escaped in HTML, in one line in the subject, unchanged in the text', async () => {
    const name = '<b>Ada & "Co"</b>\r\nBcc: eve@example.com'
    const html = '<p title="{{name}}">{{ name }}</p>'
    const { mails } = await runTaskType(task, { ...MAIL, html, values: { name } })
    expect(mails[0]).toMatchObject({
      subject: 'Hello <b>Ada & "Co"</b> Bcc: eve@example.com',
      text: `Dear ${name}`,
    })
    expect(mails[0]?.html).not.toContain('<b>')
    expect(mails[0]?.html).not.toContain('"Co"')
  })

  it('a value that looks like a placeholder is not replaced, and the property names of objects are not values', async () => {
    const { mails } = await runTaskType(task, { ...MAIL, values: { name: '{{secret}}', secret: 'x' } })
    expect(mails[0]?.text).toBe('Dear {{secret}}')
    const input = { ...MAIL, text: '{{constructor}}', values: { name: 'a' } }
    expect(task.input.safeParse(input).error?.issues[0]).toMatchObject({
      path: ['text'],
      message: 'has no value for {{constructor}}',
    })
  })

  it('attachments come from uploads, with the type of their bytes and a name without a folder', async () => {
    const { mails, result } = await runTaskType(
      task,
      { ...MAIL, attachments: [{ upload: 'u1', name: '../../report.exe' }, { upload: 'u2' }] },
      {
        uploads: { u1: { bytes: Buffer.from('%PDF-1.7') }, u2: { name: 'a.txt', bytes: Buffer.from('hi') } },
      },
    )
    expect(mails[0]?.attachments?.map(({ name, contentType }) => [name, contentType])).toEqual([
      ['__.._report.exe', 'application/pdf'],
      ['a.txt', 'text/plain'],
    ])
    expect(result.message_id).toBe('mail-1')
  })

  it('a dry run inserts all values and sends nothing; attachments above the limit are refused', async () => {
    const { mails, result } = await runTaskType(task, { ...MAIL, values: { name: 'Ada' }, dry_run: true })
    expect([mails, result.subject, result.message_id]).toEqual([[], 'Hello Ada', null])
    const uploads = { u1: { bytes: Buffer.alloc(13_000_000) } }
    const attachments = [{ upload: 'u1' }, { upload: 'u1' }]
    await expect(runTaskType(task, { ...MAIL, attachments }, { uploads })).rejects.toMatchObject({
      code: 'mail_too_large',
    })
  })

  it.each([
    { ...MAIL, to: [] },
    { ...MAIL, to: ['ada@example.com\r\nBcc: eve@example.com'] },
    { ...MAIL, subject: 'a\nBcc: eve@example.com' },
    { to: MAIL.to, subject: 'x' },
    {
      ...MAIL,
      to: Array.from({ length: 30 }, () => 'a@example.com'),
      cc: Array.from({ length: 30 }, () => 'b@example.com'),
    },
  ])('refuses at submit (%#)', (input) => {
    expect(task.input.safeParse(input).success).toBe(false)
  })
})

describe('an error of SES', () => {
  const ofStatus = (httpStatusCode: number, name = 'Error') => ({ name, $metadata: { httpStatusCode } })
  it.each<[object, string, string?]>([
    [ofStatus(400, 'MessageRejected'), 'refused', 'never'],
    [ofStatus(400, 'MailFromDomainNotVerifiedException'), 'refused', 'never'],
    [ofStatus(403, 'AccessDeniedException'), 'refused', 'never'],
    [ofStatus(429, 'TooManyRequestsException'), 'refused', 'later'],
    [ofStatus(400, 'SendingPausedException'), 'refused', 'later'],
    [{ name: 'Error', code: 'ECONNREFUSED' }, 'refused', 'later'],
    [ofStatus(500, 'InternalFailure'), 'unknown'],
    [ofStatus(503), 'unknown'],
    [ofStatus(408), 'unknown'],
    [{ name: 'TimeoutError' }, 'unknown'],
    [{ name: 'Error', code: 'ECONNRESET' }, 'unknown'],
    // An answer that cannot be parsed, with the status of an accepted mail.
    [ofStatus(200, 'SyntaxError'), 'unknown'],
  ])('%j is %s', (cause, outcome, when) => {
    expect(toDelivery(cause)).toMatchObject({ outcome, ...(when ? { when } : {}) })
  })
})

it('the outbox shows a mail in a frame that can neither run scripts nor load anything', () => {
  const mail = {
    ...{ id: '1', at: 0, from: 'a@b.example', to: ['<x>'], cc: [], bcc: [], replyTo: [], text: '<i>' },
    ...{ subject: '</h2><script>', html: '"><script>alert(1)</script>', attachments: [] },
  }
  const page = toArticles({ mails: [mail], damaged: [] })
  expect(page).toContain('<iframe sandbox srcdoc="&#34;&#62;&#60;script')
  expect(page).not.toContain('<script')
})
