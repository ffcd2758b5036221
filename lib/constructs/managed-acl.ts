import { CfnWebACL } from 'aws-cdk-lib/aws-wafv2'
import type { Construct } from 'constructs'
import type { StageSettings } from '../stages/stage-schema.ts'

/**
 * AWS's managed rule groups, and those of their rules that only count. Prompts are free text of up to 200 kB: the common rules
 * refuse bodies above 8 kB, and bodies that mention HTML, paths or log4j, which people ask models about.
 */
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  AWSManagedRulesAmazonIpReputationList: [],
  AWSManagedRulesCommonRuleSet: [
    'SizeRestrictions_BODY',
    'CrossSiteScripting_BODY',
    'GenericLFI_BODY',
    'GenericRFI_BODY',
    'EC2MetaDataSSRF_BODY',
    // Callers are programs, and some send no user agent.
    'NoUserAgent_HEADER',
  ],
  AWSManagedRulesKnownBadInputsRuleSet: ['Log4JRCE_BODY', 'JavaDeserializationRCE_BODY'],
}

/** A web ACL of AWS's managed rules, with a rate limit per address before them: 9 USD a month (5, and 1 for each of four rules) and 0.60 per million requests. */
export function managedAcl(
  scope: Construct,
  { requestsPerAddress }: NonNullable<StageSettings['api']['managedRules']>,
): CfnWebACL {
  const visibilityConfig = (metricName: string) => ({
    cloudWatchMetricsEnabled: true,
    metricName,
    // Samples would contain headers, and so keys.
    sampledRequestsEnabled: false,
  })
  return new CfnWebACL(scope, 'ManagedRules', {
    scope: 'REGIONAL',
    defaultAction: { allow: {} },
    visibilityConfig: visibilityConfig('TaskRunner'),
    rules: [
      {
        name: 'RequestsPerAddress',
        priority: 0,
        action: { block: { customResponse: { responseCode: 429 } } },
        statement: { rateBasedStatement: { aggregateKeyType: 'IP', limit: requestsPerAddress } },
        visibilityConfig: visibilityConfig('RequestsPerAddress'),
      },
      ...Object.entries(GROUPS).map(([name, counting], index) => ({
        name,
        priority: index + 1,
        overrideAction: { none: {} },
        statement: {
          managedRuleGroupStatement: {
            vendorName: 'AWS',
            name,
            ruleActionOverrides: counting.map((rule) => ({ name: rule, actionToUse: { count: {} } })),
          },
        },
        visibilityConfig: visibilityConfig(name),
      })),
    ],
  })
}
