/**
 * What the local runtime must know of the product that it runs. Everything else it reads in the synthesized template, so
 * that another product of the same resources runs here with another object of this kind.
 */
export interface LocalProduct {
  /** Is shown in the head of the console: `Task runner`. */
  readonly name: string
  /** Region that the template resolves to. */
  readonly region: string
  /** Where the API begins: `/api/v1`. */
  readonly apiPath: string
  /** Page about the API, which `/` leads to. */
  readonly docsPath: string
  /** File of the runbook, in Markdown; alarms link to its headings. */
  readonly runbook: string
  /** Pages of the console that show the template's dashboards, in the template's order. */
  readonly dashboards: readonly DashboardPage[]
  /** End of the name of the SSM parameter whose value is made at random and stays in the state folder. */
  readonly randomParameter: string
  /** The variable that holds any other parameter's value on a laptop. */
  variableOf(parameter: string): string
  /** What people call an alarm of the template. */
  alarmLabel(alarmName: string): string
  /** What people call a topic of the template, from its ARN. */
  topicLabel(arn: string): string
  /** Ids of what a worker has in hand, from the event in JSON that its function was called with. */
  workIn(event: string): readonly string[]
}

export interface DashboardPage {
  /** Below `/console`. */
  readonly path: string
  readonly title: string
}
