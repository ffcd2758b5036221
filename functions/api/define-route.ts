/** A route is one declaration. It generates the function's entry, API Gateway's methods, the OpenAPI document and the client. */
import type * as z from 'zod'
import type { ApiFunction, HttpMethod, Scope } from '../contract.ts'
import type { Principal } from '../core/domain/principal.ts'
import type { HttpAnswer, HttpRequest } from '../hosts/http.ts'
import type { ServedRoute } from '../hosts/lambda.ts'
import { readBody, readHeaders, readParams, readQuery } from './read-request.ts'
import type { problemSchema } from './schemas/task.ts'

/** One answer of a route, per status. */
export interface AnswerShape<Schema extends z.ZodType = z.ZodType> {
  readonly description: string
  /** Schema of a JSON body. When left out, the answer has no body, or one of `mediaType`. */
  readonly schema?: Schema
  /** Media type of a body that is not JSON. */
  readonly mediaType?: string
  /** Media type of the text that a query parameter can request instead of the JSON. */
  readonly textAs?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly examples?: Readonly<Record<string, unknown>>
}

export interface BodyShape<Schema extends z.ZodType = z.ZodType, Parsed = unknown> {
  /** A function where building the schema is slow and only the OpenAPI document needs it. */
  readonly schema: Schema | (() => Schema)
  /** Parses instead of the schema, where the schema's messages would be unclear to callers. */
  readonly parse?: (json: unknown) => Parsed | Promise<Parsed>
  /** A missing body is an empty object. */
  readonly isOptional?: true
  /** `parse` gets the unparsed text, because errors in it are answered in the format of another protocol. */
  readonly isText?: true
  readonly examples?: Readonly<Record<string, { readonly summary: string; readonly value: unknown }>>
}

/** A route as an MCP tool: its arguments are the route's parameters, query and body in one object. */
export interface ToolShape {
  readonly tool: string
  /** Defaults for agents, instead of the route's own. */
  readonly defaults?: Readonly<Record<string, unknown>>
}

type Problem = 400 | 402 | 404 | 409 | 413 | 415 | 422

type Shapes = Readonly<Record<number, AnswerShape>>
type Parsed<Schema> = Schema extends z.ZodType ? z.output<Schema> : Readonly<Record<string, never>>

/** The argument of a handler: the validated parts of the request that the route declares, and the caller. */
export interface RouteRequest<Params, Query, Headers, Body> {
  readonly tenant: string
  readonly principal: Principal
  readonly note: HttpRequest['note']
  readonly path: string
  /** The API's path as the caller sees it, up to and including `/api/v1`. */
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

/** The compiler checks the handler's answers against the route's declaration, for each status. */
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
  /** The answer is streamed. All routes of a function are streamed, or none. */
  readonly isStreamed?: true
  /** The scope that a key must have; `open` needs no key. */
  readonly scope: Scope
  /** Not audited, because the created row names its creator; every other route that changes something is audited. */
  readonly skipsAudit?: true
  /** Not counted by the host, because the submit counts it together with the task's place. */
  readonly skipsRequestCount?: true
  /** A few words: the operation's title in the docs. */
  readonly summary: string
  /** Sentences, where the summary is not enough. */
  readonly description?: string
  readonly params?: Params
  /** Fields of the query string; unknown ones are refused. */
  readonly query?: Query
  /** Headers that the route reads, spelled as in the docs; others are ignored. */
  readonly headers?: Headers
  readonly body?: BodyShape<BodySchema, Body>
  readonly answers: Answers
  /** Error statuses of its own. Those of params, query, body and scope are added. */
  readonly problems?: readonly Problem[]
  /** Offered to agents as an MCP tool. */
  readonly mcp?: ToolShape
  /** Creates the handler's dependencies, once per execution environment. */
  readonly needs: () => Needs
  readonly handle: (
    request: RouteRequest<Params, Query, Headers, Body>,
    needs: Needs,
  ) => Promise<RouteAnswer<NoInfer<Answers>>>
}

/** A route of any type, for the generator and the hosts. */
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
