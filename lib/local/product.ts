/**
 * The facts that the local runtime needs about the product that it runs. It reads everything else from the synthesized template,
 * so that another product with the same kinds of resources can run here with another object of this type.
 */
export interface LocalProduct {
  /** Shown at the top of the console: `Task runner`. */
  readonly name: string
  /** Region for the template's pseudo parameters. */
  readonly region: string
  /** Path of the API: `/api/v1`. */
  readonly apiPath: string
  /** Page about the API, to which `/` redirects. */
  readonly docsPath: string
  /** File of the runbook, in Markdown; alarms link to its headings. */
  readonly runbook: string
  /** Pages of the console for the template's dashboards, in the template's order. */
  readonly dashboards: readonly DashboardPage[]
  /** Suffix of the SSM parameter whose value is random and stored in the state folder. */
  readonly randomParameter: string
  /** Name of the environment variable with another parameter's value. */
  variableOf(parameter: string): string
  alarmLabel(alarmName: string): string
  topicLabel(arn: string): string
  /** Ids of the tasks that a worker is processing, from its function's event in JSON. */
  workIn(event: string): readonly string[]
}

export interface DashboardPage {
  /** Path below `/console`. */
  readonly path: string
  readonly title: string
}
