/**
 * What the templates of a stage with managed rules, a key of its own and a Slack channel must contain, as checks over
 * resources.
 */
import type { Resource, Resources } from '../fixtures/templates.ts'
import { readable, type Statement, type Templates } from './policy.ts'

const ofType = (resources: Resources, type: string): readonly (readonly [string, Resource])[] =>
  Object.entries(resources).filter(([, resource]) => resource.Type === type)

interface Rule {
  readonly Name: string
  readonly Priority: number
  readonly Action?: object
  readonly OverrideAction?: object
  readonly Statement: {
    readonly RateBasedStatement?: { readonly Limit: number; readonly AggregateKeyType: string }
    readonly ManagedRuleGroupStatement?: {
      readonly RuleActionOverrides?: readonly { readonly Name: string; readonly ActionToUse: object }[]
    }
  }
  readonly VisibilityConfig: { readonly SampledRequestsEnabled: boolean }
}

const GROUPS = [
  'AWSManagedRulesAmazonIpReputationList',
  'AWSManagedRulesCommonRuleSet',
  'AWSManagedRulesKnownBadInputsRuleSet',
]
/** Rules on the body that a prompt about HTML, paths, metadata addresses or log4j would violate. */
const COUNTING = [
  'SizeRestrictions_BODY',
  'CrossSiteScripting_BODY',
  'GenericLFI_BODY',
  'GenericRFI_BODY',
  'EC2MetaDataSSRF_BODY',
  'Log4JRCE_BODY',
  'JavaDeserializationRCE_BODY',
]

/**
 * AWS's managed rules protect the API, refuse requests whose path, headers or query look like an attack, and store no headers.
 */
export function webAclProblems({ stateless }: Templates, requestsPerAddress: number): readonly string[] {
  const [[id = '', acl] = []] = ofType(stateless, 'AWS::WAFv2::WebACL')
  const [[, association] = []] = ofType(stateless, 'AWS::WAFv2::WebACLAssociation')
  const rules = (acl?.Properties.Rules ?? []) as readonly Rule[]
  const [first] = rules
  const limit = first?.Statement.RateBasedStatement
  const counted = rules.flatMap(
    ({ Statement }) => Statement.ManagedRuleGroupStatement?.RuleActionOverrides ?? [],
  )
  const isBlocking = (rule: Rule) =>
    rule.Statement.RateBasedStatement
      ? JSON.stringify(rule.Action ?? {}).startsWith('{"Block":')
      : JSON.stringify(rule.OverrideAction) === '{"None":{}}'
  const views = [acl?.Properties.VisibilityConfig, ...rules.map(({ VisibilityConfig }) => VisibilityConfig)]
  return [
    ...(acl?.Properties.Scope === 'REGIONAL' ? [] : ['the web ACL is not regional, as an API requires']),
    ...(limit?.Limit === requestsPerAddress && limit.AggregateKeyType === 'IP'
      ? []
      : ['no rate limit per IP address']),
    ...GROUPS.filter((group) => !rules.some(({ Name }) => Name === group)).map(
      (group) => `${group} is missing`,
    ),
    ...(new Set(rules.map(({ Priority }) => Priority)).size === rules.length
      ? []
      : ['two rules have the same priority']),
    ...rules.filter((rule) => !isBlocking(rule)).map(({ Name }) => `${Name} only counts requests`),
    ...COUNTING.filter((name) => !counted.some((rule) => rule.Name === name)).map(
      (name) => `${name} would refuse prompts`,
    ),
    ...counted
      .filter(({ ActionToUse }) => JSON.stringify(ActionToUse) !== '{"Count":{}}')
      .map(({ Name }) => `${Name} refuses requests and should only count them`),
    // These rules cannot judge prompts: rules that do not read the body refuse, except the one for programs without a
    // User-Agent.
    ...counted
      .filter(({ Name }) => !Name.endsWith('_BODY') && Name !== 'NoUserAgent_HEADER')
      .map(({ Name }) => `${Name} only counts requests`),
    ...(views.every((view) => (view as Rule['VisibilityConfig'])?.SampledRequestsEnabled === false)
      ? []
      : ['samples of requests would store headers, keys included']),
    ...(JSON.stringify(association?.Properties.WebACLArn) === JSON.stringify({ 'Fn::GetAtt': [id, 'Arn'] })
      ? []
      : ['the web ACL is attached to nothing']),
    ...(readable(association?.Properties.ResourceArn).includes('/restapis/')
      ? []
      : ['the web ACL is not attached to the API']),
  ]
}

/** Rows and payload objects are under the customer's key, which roles use through table and bucket only. */
export function customerKeyProblems({ stateful, stateless }: Templates, keyArn: string): readonly string[] {
  const [[, table] = []] = ofType(stateful, 'AWS::DynamoDB::GlobalTable')
  const [[, bucket] = []] = ofType(stateful, 'AWS::S3::Bucket')
  const replicas = JSON.stringify(table?.Properties.Replicas ?? [])
  const encryption = JSON.stringify(bucket?.Properties.BucketEncryption ?? {})
  const given = ofType(stateless, 'AWS::IAM::Policy').flatMap(([id, { Properties }]) =>
    (Properties.PolicyDocument as { Statement: readonly Statement[] }).Statement.filter(({ Resource }) =>
      [Resource].flat().includes(keyArn),
    ).map((statement) => ({ id, ...statement })),
  )
  const functions = ofType(stateless, 'AWS::Lambda::Function').length
  return [
    ...(JSON.stringify(table?.Properties.SSESpecification) === '{"SSEEnabled":true,"SSEType":"KMS"}'
      ? []
      : ['the table is not encrypted with KMS']),
    ...(replicas.includes(`"KMSMasterKeyId":"${keyArn}"`) ? [] : ['the table is encrypted with another key']),
    ...(encryption.includes(`"KMSMasterKeyID":"${keyArn}"`)
      ? []
      : ['the bucket is encrypted with another key']),
    ...(encryption.includes('"BucketKeyEnabled":true')
      ? []
      : ['each object needs a call of KMS: $3 per million']),
    // All functions except the one for health and task types.
    ...(given.length === functions - 1 ? [] : [`${given.length} of ${functions} roles may use the key`]),
    ...given
      .filter(({ Condition }) => !/"kms:ViaService":\[.*dynamodb.*s3/.test(JSON.stringify(Condition ?? {})))
      .map(({ id }) => `${id} may use the key for more than table and bucket`),
    ...given
      .filter(
        ({ Action }) =>
          !['kms:Decrypt', 'kms:GenerateDataKey'].every((action) => [Action].flat().includes(action)),
      )
      .map(({ id }) => `${id} cannot read or write`),
    ...given
      .filter(({ Action }) => [Action].flat().some((action) => /\*|Delete|Disable|Put|Schedule/.test(action)))
      .map(({ id }) => `${id} may change or delete the key`),
  ]
}

/** A Slack channel gets the urgent topic, and nobody can act on the account from it. */
export function slackProblems(
  { observability }: Templates,
  channel: { readonly workspaceId: string; readonly channelId: string },
): readonly string[] {
  const found = ofType(observability, 'AWS::Chatbot::SlackChannelConfiguration')
  return [
    ...(found.length === 1 ? [] : [`${found.length} channels`]),
    ...found.flatMap(([id, { Properties: p }]) => [
      ...(p.SlackWorkspaceId === channel.workspaceId && p.SlackChannelId === channel.channelId
        ? []
        : [`${id} is a different channel`]),
      ...(JSON.stringify(p.SnsTopicArns ?? []).includes('Urgent')
        ? []
        : [`${id} does not get the urgent topic`]),
      // Without guardrail policies a member of the channel may do what AdministratorAccess allows.
      ...(JSON.stringify(p.GuardrailPolicies ?? []).includes('AWSDenyAll')
        ? []
        : [`${id} may act on the account`]),
    ]),
    ...ofType(observability, 'AWS::SNS::Subscription')
      .filter(([, { Properties }]) => Properties.Protocol === 'slack')
      .map(([id]) => `${id}: SNS has no such protocol`),
  ]
}

/**
 * Pages of these origins can use the whole API: read every function's answers, send files to the bucket and read them there.
 */
export function pageProblems(
  { stateful, stateless }: Templates,
  origins: readonly string[],
): readonly string[] {
  const [[, bucket] = []] = ofType(stateful, 'AWS::S3::Bucket')
  const { CorsRules = [] } = (bucket?.Properties.CorsConfiguration ?? {}) as {
    CorsRules?: readonly { AllowedOrigins: readonly string[]; AllowedMethods: readonly string[] }[]
  }
  const asked = JSON.stringify(
    ofType(stateless, 'AWS::ApiGateway::Method').map(([, { Properties }]) => Properties.Integration),
  )
  // Requests without a method of their own, preflights included, go to the `ANY` method.
  const methods = ofType(stateless, 'AWS::ApiGateway::Method')
  const routed = new Set(
    methods
      .filter(([, { Properties }]) => Properties.HttpMethod !== 'ANY')
      .map(([, { Properties }]) => JSON.stringify(Properties.ResourceId)),
  )
  const closed = methods.filter(
    ([, { Properties: p }]) =>
      p.HttpMethod === 'ANY' && p.AuthorizationType !== 'NONE' && routed.has(JSON.stringify(p.ResourceId)),
  )
  const open = methods.filter(
    ([, { Properties: p }]) => p.AuthorizationType === 'NONE' && !routed.has(JSON.stringify(p.ResourceId)),
  )
  const answering = ofType(stateless, 'AWS::Lambda::Function').filter(([id]) =>
    asked.includes(`"${id.replace(/Function[0-9A-F]{8}$/, '')}Live`),
  )
  return [
    ...(CorsRules.length === 1 && JSON.stringify(CorsRules[0]?.AllowedOrigins) === JSON.stringify(origins)
      ? []
      : ['the bucket does not accept files from exactly the stage’s origins']),
    ...['PUT', 'GET']
      .filter((method) => !CorsRules[0]?.AllowedMethods.includes(method))
      .map((m) => `a page may not ${m}`),
    ...(CorsRules[0]?.AllowedMethods ?? [])
      .filter((method) => !['GET', 'HEAD', 'PUT'].includes(method))
      .map((method) => `a page may ${method}`),
    ...closed.map(([id]) => `${id} requires a key for a preflight request`),
    ...open.map(([id]) => `${id} answers on unknown paths without a key`),
    ...(answering.length >= 9 ? [] : [`only ${answering.length} functions answer requests`]),
    ...answering
      .filter(([, { Properties }]) => !JSON.stringify(Properties.Environment ?? {}).includes('CORS_ORIGINS'))
      .map(([id]) => `pages cannot read the answers of ${id}`),
  ]
}

/** Only Parameter Store may use the KMS key that encrypts the model keys. */
export function modelKeyProblems({ stateless }: Templates, keyArn: string): readonly string[] {
  const given = ofType(stateless, 'AWS::IAM::Policy').flatMap(([id, { Properties }]) =>
    (Properties.PolicyDocument as { Statement: readonly Statement[] }).Statement.filter(({ Resource }) =>
      [Resource].flat().includes(keyArn),
    ).map((statement) => ({ id, ...statement })),
  )
  return [
    ...(given.length > 0 ? [] : ['nobody can read the model keys']),
    ...given
      .filter(
        ({ Condition }) =>
          !/"kms:ViaService":(?:\{"Fn::Join":\["",\[)?"ssm\./.test(JSON.stringify(Condition ?? {})),
      )
      .map(({ id }) => `${id} may decrypt more than parameters with the key`),
    ...given
      .filter(({ Action }) => String(Action) !== 'kms:Decrypt')
      .map(({ id }) => `${id} may do more than decrypt`),
  ]
}
