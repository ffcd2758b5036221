/** A route is one declaration. From it come the function's entry, API Gateway's methods, the OpenAPI document and the client. */
import type * as z from 'zod'
import type { ApiFunction, HttpMethod, Scope } from '../contract.ts'
import type { Principal } from '../core/domain/principal.ts'
import type { HttpAnswer, HttpRequest } from '../hosts/http.ts'
import type { ServedRoute } from '../hosts/lambda.ts'
import { readBody, readHeaders, readParams, readQuery } from './read-request.ts'
import type { problemSchema } from './schemas/task.ts'

/** One status that a route may answer with. */
export interface AnswerShape<Schema extends z.ZodType = z.ZodType> {
  readonly description: string
  /** Of a JSON body. Left out, the answer has none, or `mediaType`. */
  readonly schema?: Schema
  /** Of a body that is no JSON. */
  readonly mediaType?: string
  /** Media type of the text that a query may ask for in place of the JSON. */
  readonly textAs?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly examples?: Readonly<Record<string, unknown>>
}

export interface BodyShape<Schema extends z.ZodType = z.ZodType, Parsed = unknown> {
  /** As a function where building it costs time that only the document is worth. */
  readonly schema: Schema | (() => Schema)
  /** In place of the schema's own parsing, where its messages would not tell a caller what to do. */
  readonly parse?: (json: unknown) => Parsed | Promise<Parsed>
  /** No body is an empty object. */
  readonly isOptional?: true
  /** `parse` gets the text as it came: mistakes in it are answered in the words of another protocol. */
  readonly isText?: true
  readonly examples?: Readonly<Record<string, { readonly summary: string; readonly value: unknown }>>
}

/** A route as a tool: its arguments are the route's parameters, query and body in one object. */
export interface ToolShape {
  readonly tool: string
  /** Taken where an agent says nothing, in place of the route's own defaults. */
  readonly defaults?: Readonly<Record<string, unknown>>
}

type Problem = 400 | 402 | 404 | 409 | 413 | 415 | 422

type Shapes = Readonly<Record<number, AnswerShape>>
type Parsed<Schema> = Schema extends z.ZodType ? z.output<Schema> : Readonly<Record<string, never>>

/** What a handler gets: the parts of the request that the route declares, checked, and who sent it. */
export interface RouteRequest<Params, Query, Headers, Body> {
  readonly tenant: string
  readonly principal: Principal
  readonly note: HttpRequest['note']
  readonly path: string
  /** Path of the API as the caller sees it, up to and with `/api/v1`. */
  readonly base: string
  readonly receivedAt: number
  readonly params: Parsed<Params>
  readonly query: Parsed<Query>
  readonly headers: Parsed<Headers>
  readonly body: Body
}

type ReadonlyDeep<Value> = Value extends (infer Item)[]
  ? readonly ReadonlyDeep<Item>[]
  : Value extends object
    ? { readonly [Key in keyof Value]: ReadonlyDeep<Value[Key]> }
    : Value

/** The compiler holds what a handler gives back to what the route declares, status by status. */
export type RouteAnswer<Answers extends Shapes> = {
  [Status in keyof Answers & number]: {
    readonly status: Status
    readonly headers?: Readonly<Record<string, string>>
  } & (Answers[Status] extends { readonly schema: infer Schema extends z.ZodType }
    ? { readonly body: ReadonlyDeep<z.input<Schema>> } | { readonly text: string }
    : { readonly text?: string; readonly stream?: AsyncIterable<string> })
}[keyof Answers & number]

export interface RouteDeclaration<
  Params,
  Query,
  Headers,
  BodySchema extends z.ZodType,
  Body,
  Answers extends Shapes,
  Needs,
> {
  readonly method: HttpMethod
  /** Below `API_BASE`, path parameters in braces. */
  readonly path: string
  readonly function: ApiFunction
  /** Its answer begins before it has ended; all routes of its function are such. */
  readonly isStreamed?: true
  /** What a key must be allowed to do; `open` needs no key. */
  readonly scope: Scope
  /** What it makes says itself who made it; every other route that changes something is recorded. */
  readonly isOwnRecord?: true
  /** It submits: its request is counted there, in one write with the place that the task takes. */
  readonly isOwnCount?: true
  /** A few words; the operation's name in the docs. */
  readonly summary: string
  /** Sentences, where the summary leaves a question. */
  readonly description?: string
  readonly params?: Params
  /** Fields of the query string; all others are refused. */
  readonly query?: Query
  /** Headers the route reads, spelled as the docs show them; others pass. */
  readonly headers?: Headers
  readonly body?: BodyShape<BodySchema, Body>
  readonly answers: Answers
  /** Refusals of its own. Those that follow from params, query, body and scope are added. */
  readonly problems?: readonly Problem[]
  /** Offered to agents. */
  readonly mcp?: ToolShape
  /** Opens what the handler works with, once per execution environment. */
  readonly needs: () => Needs
  readonly handle: (
    request: RouteRequest<Params, Query, Headers, Body>,
    needs: Needs,
  ) => Promise<RouteAnswer<NoInfer<Answers>>>
}

/** Any declared route, as the generator and the hosts see it. */
export interface AnyRoute extends ServedRoute {
  readonly function: ApiFunction
  readonly isStreamed?: true
  readonly scope: Scope
  readonly summary: string
  readonly description?: string | undefined
  readonly params?: z.ZodObject | undefined
  readonly query?: z.ZodObject | undefined
  readonly headers?: z.ZodObject | undefined
  readonly body?: BodyShape | undefined
  readonly answers: Shapes
  readonly problems?: readonly Problem[] | undefined
  readonly mcp?: ToolShape | undefined
}

export type ProblemAnswer = z.output<typeof problemSchema>

/**
 * Declares a route. Put it in `functions/api/routes/<subject>/<verb-noun>.ts` as `<verbNoun>Route` and run
 * `npm run generate`.
 */
export function defineRoute<
  const Answers extends Shapes,
  Needs,
  Params extends z.ZodObject | undefined = undefined,
  Query extends z.ZodObject | undefined = undefined,
  Headers extends z.ZodObject | undefined = undefined,
  BodySchema extends z.ZodType = z.ZodUndefined,
  Body = z.output<BodySchema>,
>(declaration: RouteDeclaration<Params, Query, Headers, BodySchema, Body, Answers, Needs>) {
  const { params, query, headers, body, needs, handle } = declaration
  return {
    ...declaration,
    start: () => {
      const opened = needs()
      return async (request: HttpRequest): Promise<HttpAnswer> =>
        handle(
          {
            tenant: request.tenant,
            principal: request.principal,
            note: request.note,
            path: request.path,
            base: request.base,
            receivedAt: request.receivedAt,
            params: (await readParams(params, request)) as Parsed<Params>,
            query: (await readQuery(query, request, body !== undefined)) as Parsed<Query>,
            headers: (await readHeaders(headers, request)) as Parsed<Headers>,
            body: (await readBody(body, request)) as Body,
          },
          opened,
        )
    },
  }
}
