import { describe, expect, it } from 'vitest'
import { dev } from '../../lib/stages/dev.ts'
import { parseStage } from '../../lib/stages/load-stage.ts'
import type { StageSettings } from '../../lib/stages/stage-schema.ts'
import { templatesOf } from '../fixtures/templates.ts'
import type { Templates } from './policy.ts'
import {
  customerKeyProblems,
  modelKeyProblems,
  pageProblems,
  slackProblems,
  webAclProblems,
} from './policy-options.ts'

const KEY = 'arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab'
const KEYS_KEY = 'arn:aws:kms:eu-central-1:111122223333:key/5678abcd-12ab-34cd-56ef-1234567890ab'
const ORIGINS = ['https://app.example.com', 'http://localhost:*']
const CHANNEL = { workspaceId: 'T0123ABCD', channelId: 'C0123ABCD' }
const LIMIT = 2_000
const chosen = templatesOf(
  'dev',
  (stage) =>
    ({
      ...parseStage('dev', {
        ...dev,
        account: '111122223333',
        region: 'eu-central-1',
        dataKmsArn: KEY,
        api: { ...dev.api, managedRules: { requestsPerAddress: LIMIT }, corsOrigins: ORIGINS },
        models: { ...dev.models, keysKmsArn: KEYS_KEY },
        observability: {
          ...dev.observability,
          alarmSubscriptions: [
            { severity: 'urgent', protocol: 'slack', ...CHANNEL },
            { severity: 'notice', protocol: 'email', endpoint: 'team@example.com' },
          ],
        },
      }),
      name: stage.name,
    }) as StageSettings,
)
const templates: Templates = {
  stateful: chosen.stateful.all,
  stateless: chosen.stateless.all,
  observability: chosen.observability?.all ?? {},
}
const problems = (of: Templates) => [
  ...webAclProblems(of, LIMIT),
  ...customerKeyProblems(of, KEY),
  ...slackProblems(of, CHANNEL),
  ...pageProblems(of, ORIGINS),
  ...modelKeyProblems(of, KEYS_KEY),
]

it('a stage with managed rules, its own key and a Slack channel meets every rule', () => {
  expect(problems(templates)).toEqual([])
})

type Loose = Record<string, { Type: string; Properties: Record<string, unknown> }>
/** Replaces a text in every resource of a type. */
const replaced =
  (stack: keyof Templates, type: string, from: string | RegExp, to: string) =>
  (all: Record<keyof Templates, Loose>): void => {
    let count = 0
    for (const resource of Object.values(all[stack]).filter((one) => one.Type === type)) {
      const before = JSON.stringify(resource.Properties)
      const after = before.replace(from, to)
      if (after !== before) count += 1
      resource.Properties = JSON.parse(after)
    }
    if (count === 0) throw new Error(`the template has no ${type} with ${from} to change`)
  }
const removed =
  (stack: keyof Templates, type: string) =>
  (all: Record<keyof Templates, Loose>): void => {
    const [id] = Object.entries(all[stack]).find(([, one]) => one.Type === type) ?? []
    if (!id) throw new Error(`the template has no ${type} to remove`)
    delete all[stack][id]
  }
const ACL = 'AWS::WAFv2::WebACL'
const POLICY = 'AWS::IAM::Policy'
const SLACK = 'AWS::Chatbot::SlackChannelConfiguration'

const MUTANTS: readonly [string, (all: Record<keyof Templates, Loose>) => void][] = [
  ['the web ACL is attached to nothing', removed('stateless', 'AWS::WAFv2::WebACLAssociation')],
  ['there is no web ACL', removed('stateless', ACL)],
  ['the web ACL is for CloudFront', replaced('stateless', ACL, '"REGIONAL"', '"CLOUDFRONT"')],
  ['an address may make more requests', replaced('stateless', ACL, '"Limit":2000', '"Limit":200000')],
  ['the rate limit only counts', replaced('stateless', ACL, /"Block":\{[^}]*\}\}/, '"Count":{}')],
  ['a rule group only counts', replaced('stateless', ACL, '{"None":{}}', '{"Count":{}}')],
  [
    'prompts about HTML are refused',
    replaced('stateless', ACL, '"CrossSiteScripting_BODY"', '"CrossSiteScripting_COOKIE"'),
  ],
  ['a rule on paths only counts', replaced('stateless', ACL, '"GenericLFI_BODY"', '"GenericLFI_URIPATH"')],
  ['a rule that should only count refuses', replaced('stateless', ACL, '{"Count":{}}', '{"Block":{}}')],
  [
    'a rule group is missing',
    replaced('stateless', ACL, /AWSManagedRulesKnownBadInputsRuleSet/g, 'AWSManagedRulesPHPRuleSet'),
  ],
  ['two rules have the same priority', replaced('stateless', ACL, '"Priority":2', '"Priority":1')],
  [
    'requests are sampled',
    replaced('stateless', ACL, '"SampledRequestsEnabled":false', '"SampledRequestsEnabled":true'),
  ],
  [
    'the table is encrypted with AWS’s key',
    replaced('stateful', 'AWS::DynamoDB::GlobalTable', KEY, 'alias/aws/dynamodb'),
  ],
  [
    'the table is not encrypted with KMS',
    replaced('stateful', 'AWS::DynamoDB::GlobalTable', '"SSEEnabled":true', '"SSEEnabled":false'),
  ],
  ['the bucket is encrypted with AWS’s key', replaced('stateful', 'AWS::S3::Bucket', KEY, 'alias/aws/s3')],
  [
    'each object needs a call of KMS',
    replaced('stateful', 'AWS::S3::Bucket', '"BucketKeyEnabled":true', '"BucketKeyEnabled":false'),
  ],
  [
    'a role may use the key outside table and bucket',
    replaced('stateless', POLICY, '"kms:ViaService"', '"kms:CallerAccount"'),
  ],
  [
    'a role may delete the key',
    replaced('stateless', POLICY, '"kms:Decrypt"', '"kms:Decrypt","kms:ScheduleKeyDeletion"'),
  ],
  ['a role cannot read', replaced('stateless', POLICY, '"kms:Decrypt",', '')],
  ['a role has no right to the key', replaced('stateless', POLICY, KEY, `${KEY}0`)],
  ['the channel may act', replaced('observability', SLACK, /AWSDenyAll/, 'ReadOnlyAccess')],
  ['the channel has another id', replaced('observability', SLACK, CHANNEL.channelId, 'C9999')],
  ['the channel gets only notices', replaced('observability', SLACK, /Urgent/g, 'Notice')],
  ['pages cannot upload', replaced('stateful', 'AWS::S3::Bucket', '"PUT"', '"POST"')],
  ['any page may upload', replaced('stateful', 'AWS::S3::Bucket', JSON.stringify(ORIGINS), '["*"]')],
  ['a page may delete', replaced('stateful', 'AWS::S3::Bucket', '"HEAD"', '"DELETE"')],
  [
    'a preflight requires a key',
    ({ stateless }) => {
      for (const { Type, Properties } of Object.values(stateless))
        if (Type === 'AWS::ApiGateway::Method' && Properties.HttpMethod === 'ANY')
          Properties.AuthorizationType = 'CUSTOM'
    },
  ],
  [
    'unknown paths need no key',
    ({ stateless }) => {
      for (const { Type, Properties } of Object.values(stateless))
        if (Type === 'AWS::ApiGateway::Method' && Properties.HttpMethod === 'ANY')
          Properties.AuthorizationType = 'NONE'
    },
  ],
  [
    'pages cannot read answers about workflows',
    ({ stateless }) => {
      for (const [id, { Properties }] of Object.entries(stateless))
        if (/^FlowsFunction[0-9A-F]{8}$/.test(id))
          Properties.Environment = JSON.parse(JSON.stringify(Properties.Environment).replace('CORS_', 'NO_'))
    },
  ],
  [
    'the model keys’ KMS key may decrypt other data',
    replaced(
      'stateless',
      POLICY,
      /"kms:ViaService":(?="ssm|\{"Fn::Join":\["",\["ssm)/,
      '"kms:CallerAccount":',
    ),
  ],
  ['there is no channel', removed('observability', SLACK)],
]

describe('options with a mistake made on purpose', () => {
  it.each(MUTANTS)('%s: some rule is broken', (_name, mutate) => {
    const spoilt = structuredClone(templates) as unknown as Record<keyof Templates, Loose>
    mutate(spoilt)
    expect(problems(spoilt as unknown as Templates)).not.toEqual([])
  })
})
