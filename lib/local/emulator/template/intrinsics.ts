/** Values of a template's pseudo parameters on this machine. */
export interface PseudoParameters {
  readonly region: string
  readonly accountId: string
}

export interface Scope {
  /** The value of `Ref`. @throws Error for a resource that has none here. */
  ref(logicalId: string): unknown
  /** The value of `Fn::GetAtt`. @throws Error for an unsupported attribute. */
  attribute(logicalId: string, name: string): unknown
  /** The value that another stack exports under a name. */
  imported(name: string): unknown
  output(stack: string, name: string): unknown
  readonly place: PseudoParameters
}

/**
 * Replaces the intrinsic functions in a template value by their results.
 *
 * @throws Error that names an unsupported function.
 */
export function resolveValue(value: unknown, scope: Scope): unknown {
  if (Array.isArray(value)) return value.map((item) => resolveValue(item, scope))
  if (value === null || typeof value !== 'object') return value
  const entries = Object.entries(value)
  const [name, argument] = entries[0] ?? []
  if (entries.length === 1 && name !== undefined && (name === 'Ref' || name.startsWith('Fn::')))
    return call(name, argument, scope)
  return Object.fromEntries(entries.map(([key, item]) => [key, resolveValue(item, scope)]))
}

function call(name: string, argument: unknown, scope: Scope): unknown {
  switch (name) {
    case 'Ref':
      return pseudo(String(argument), scope) ?? scope.ref(String(argument))
    case 'Fn::GetAtt': {
      const [logicalId = '', attribute = ''] = Array.isArray(argument)
        ? argument.map(String)
        : String(argument).split(/\.(.*)/s)
      return scope.attribute(logicalId, attribute)
    }
    case 'Fn::Join': {
      const [separator, parts] = argument as [string, unknown]
      return (resolveValue(parts, scope) as unknown[]).map(String).join(separator)
    }
    case 'Fn::Select': {
      const [index, list] = argument as [number | string, unknown]
      return (resolveValue(list, scope) as unknown[])[Number(index)]
    }
    case 'Fn::Split': {
      const [separator, text] = argument as [string, unknown]
      return String(resolveValue(text, scope)).split(separator)
    }
    case 'Fn::ImportValue':
      return scope.imported(String(resolveValue(argument, scope)))
    case 'Fn::GetStackOutput': {
      const { StackName, OutputName } = argument as { StackName: unknown; OutputName: unknown }
      return scope.output(String(resolveValue(StackName, scope)), String(resolveValue(OutputName, scope)))
    }
    case 'Fn::Sub':
      return substitute(argument, scope)
    default:
      throw new Error(`${name} is not known to the local runtime (lib/local/emulator/template/intrinsics.ts)`)
  }
}

function substitute(argument: unknown, scope: Scope): string {
  const [text, own] = (Array.isArray(argument) ? argument : [argument, {}]) as [
    string,
    Record<string, unknown>,
  ]
  return text.replace(/\$\{(!?)([^}]+)\}/g, (_, isLiteral: string, name: string) => {
    if (isLiteral) return `\${${name}}`
    if (own && name in own) return String(resolveValue(own[name], scope))
    return String(name.includes('.') ? call('Fn::GetAtt', name, scope) : call('Ref', name, scope))
  })
}

function pseudo(name: string, { place }: Scope): string | undefined {
  const values: Readonly<Record<string, string>> = {
    'AWS::Region': place.region,
    'AWS::AccountId': place.accountId,
    'AWS::Partition': 'aws',
    'AWS::URLSuffix': 'amazonaws.com',
  }
  return values[name]
}
