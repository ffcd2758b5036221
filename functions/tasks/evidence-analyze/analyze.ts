import { type TaskContext, TaskError } from '../../core/kit/index.ts'
import type { readDocument } from '../document-process/heavy.ts'
import { formatOfName } from '../document-process/sniff.ts'
import { splitText } from '../document-process/split.ts'
import { type Claim, type FoundPassages, findClaims, findPassages, rateClaim } from './ask.ts'
import { type Input, MAX_CLAIMS, type Output } from './task.ts'

/** About 3,000 tokens: short enough for a model to quote exactly. */
const PART_CHARACTERS = 12_000
const MAX_PARTS = 300
const MAX_PASSAGES = 20

export async function analyze({
  input: { statements, exhibits, question },
  model,
  files,
  step,
  map,
  heavy,
  progress,
}: TaskContext<Input, 'model' | 'files'>): Promise<Output> {
  progress(1, 'reading')
  const read: { name: string; text: string; format: string; parts: ReturnType<typeof splitText> }[] = []
  for (const [index, { name, text, file }] of exhibits.entries()) {
    const open = async () => {
      const opened = file && (await files.read(file))
      const hint = opened ? formatOfName(opened.name ?? undefined) : ('text' as const)
      return { bytes: opened?.bytes ?? Buffer.from(text ?? ''), hint }
    }
    const document = await step(
      `read ${index + 1}`,
      () => heavy<typeof readDocument>('document-process/readDocument', open),
      { inputs: file?.upload },
    )
    const parts = splitText(document.text, document.headings, PART_CHARACTERS)
    read.push({ name, text: document.text, format: document.format, parts })
  }
  const parts = read.flatMap(({ parts: of }, index) => of.map((part) => ({ ...part, exhibit: index })))
  if (parts.length > MAX_PARTS)
    throw new TaskError(`The exhibits have ${parts.length} parts; at most ${MAX_PARTS} are looked through.`, {
      code: 'document_too_long',
    })
  const claimsByStatement = await map(statements, ({ text }) => findClaims(model, text, question), {
    name: 'statement',
    progress: [3, 20],
  })
  const all: Claim[] = claimsByStatement.flatMap((claims, index) =>
    claims.map((claim) => ({ claim, statement: index })),
  )
  const claims = all.slice(0, MAX_CLAIMS)
  const sentences = claims.map(({ claim }) => claim)
  const looked =
    sentences.length === 0
      ? []
      : await map(
          parts,
          ({ exhibit: index, start, end }) => {
            const { name, text } = read[index] as (typeof read)[number]
            return findPassages(model, { exhibit: name, text: text.slice(start, end) }, sentences)
          },
          { name: 'part', progress: [20, 80] },
        )
  const found = collect(parts, looked, read)
  const weighed = await map(
    sentences,
    (claim, index) => {
      const about = found.passages.filter((one) => one.claim === index)
      return about.length === 0 ? Promise.resolve(null) : rateClaim(model, claim, about)
    },
    { name: 'claim', progress: [80, 99] },
  )
  const of = (index: number, stance: string) =>
    found.passages
      .filter((one) => one.claim === index && one.stance === stance)
      .slice(0, MAX_PASSAGES)
      .map(({ exhibit: name, quote, start, end }) => ({ exhibit: name, quote, start, end }))
  return {
    claims: claims.map((claim, index) => ({
      ...claim,
      supporting: of(index, 'supports'),
      contradicting: of(index, 'contradicts'),
      confidence: weighed[index]?.confidence ?? null,
      gaps: weighed[index]?.gaps ?? ['No exhibit says anything about it.'],
    })),
    exhibits: read.map(({ name, text, format }) => ({ name, format, characters: text.length })),
    dropped: found.dropped.map(({ claim, ...rest }) => ({ ...rest, claim: sentences[claim] ?? null })),
    claims_left_out: all.length - claims.length,
  }
}

/** Passages with their place in the whole exhibit, without duplicates; quotes are the exhibit's own text, not the model's. */
function collect(
  parts: readonly { readonly exhibit: number; readonly start: number }[],
  looked: readonly FoundPassages[],
  read: readonly { readonly name: string; readonly text: string }[],
) {
  const seen = new Set<string>()
  const passages = looked.flatMap((of, index) =>
    of.passages.flatMap(({ claim, stance, start, end }) => {
      const part = parts[index] as (typeof parts)[number]
      const { name, text } = read[part.exhibit] as (typeof read)[number]
      const place = { start: part.start + start, end: part.start + end }
      const key = `${part.exhibit} ${place.start} ${place.end} ${claim} ${stance}`
      if (seen.has(key)) return []
      seen.add(key)
      return [
        { claim: claim - 1, stance, exhibit: name, quote: text.slice(place.start, place.end), ...place },
      ]
    }),
  )
  const dropped = looked.flatMap((of, index) =>
    of.dropped.map(({ claim, quote }) => ({
      claim: claim - 1,
      quote,
      exhibit: read[(parts[index] as (typeof parts)[number]).exhibit]?.name ?? '',
    })),
  )
  return { passages, dropped: dropped.slice(0, 200) }
}
