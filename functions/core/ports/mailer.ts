export interface Mail {
  readonly to: readonly string[]
  readonly cc?: readonly string[]
  readonly bcc?: readonly string[]
  readonly replyTo?: readonly string[]
  readonly subject: string
  /** At least one of `text` and `html`. */
  readonly text?: string
  readonly html?: string
  readonly attachments?: readonly {
    readonly name: string
    readonly contentType: string
    readonly bytes: Uint8Array
  }[]
}

/** The outcome of an attempt to send. */
export type Delivery =
  | { readonly outcome: 'sent'; readonly messageId: string }
  /** The mail was certainly not sent. `later`: another attempt may succeed. */
  | { readonly outcome: 'refused'; readonly message: string; readonly when: 'never' | 'later' }
  /** The mail may have been sent. */
  | { readonly outcome: 'unknown'; readonly message: string }

/**
 * Sends mail from the stage's address.
 *
 * An implementation makes exactly one attempt: it must not send again after a lost answer, and may report `refused` only when
 * the service refused, or when no connection was established.
 */
export interface Mailer {
  send(mail: Mail): Promise<Delivery>
}
