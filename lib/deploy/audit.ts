export interface Audit {
  readonly hasSevereFindings: boolean
  readonly lines: readonly string[]
}

interface Report {
  readonly vulnerabilities?: Readonly<Record<string, { readonly severity: string; readonly range: string }>>
  readonly message?: string
  readonly error?: { readonly summary?: string }
}

const BAD = ['high', 'critical']

/** Parses the output of `npm audit --json`. */
export function readAudit(output: string): Audit {
  const report = parse(output)
  if (!report?.vulnerabilities) {
    const why = report?.message ?? report?.error?.summary ?? 'its answer is no report'
    return {
      hasSevereFindings: false,
      lines: [`The registry was not asked about known faults, or does not answer: ${why}`],
    }
  }
  const found = Object.entries(report.vulnerabilities)
  const bad = found.filter(([, { severity }]) => BAD.includes(severity))
  return {
    hasSevereFindings: bad.length > 0,
    lines: [
      ...found.map(([name, { severity, range }]) => `${severity}: ${name} ${range}`),
      bad.length > 0
        ? 'npm audit fix, or an "overrides" entry in package.json'
        : 'No high or critical fault is known.',
    ],
  }
}

function parse(output: string): Report | undefined {
  try {
    return JSON.parse(output) as Report
  } catch {
    return undefined
  }
}
