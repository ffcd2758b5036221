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

/** What is known after an attempt to send. */
export type Delivery =
  | { readonly outcome: 'sent'; readonly messageId: string }
  /** It surely did not go out. `later`: the same mail may be taken another time. */
  | { readonly outcome: 'refused'; readonly message: string; readonly when: 'never' | 'later' }
  /** It may have gone out. */
  | { readonly outcome: 'unknown'; readonly message: string }

/**
 * Sends mail from the stage's own address.
 *
 * One try and no more: an implementation must not send again after an answer that it did not get, and must call
 * `refused` only what the service itself, or a connection that never stood, has refused.
 */
export interface Mailer {
  send(mail: Mail): Promise<Delivery>
}
