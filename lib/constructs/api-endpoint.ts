import { CfnOutput } from 'aws-cdk-lib'
import * as apigateway from 'aws-cdk-lib/aws-apigateway'
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager'
import { InterfaceVpcEndpoint } from 'aws-cdk-lib/aws-ec2'
import * as iam from 'aws-cdk-lib/aws-iam'
import { CfnWebACLAssociation } from 'aws-cdk-lib/aws-wafv2'
import { Construct } from 'constructs'
import type { StageSettings } from '../stages/stage-schema.ts'
import { managedAcl } from './managed-acl.ts'

type ApiSettings = StageSettings['api']

/** Settings of the API that decide from where it can be reached. */
export function endpointProps(
  scope: Construct,
  { vpcEndpointIds, domain }: ApiSettings,
): Partial<apigateway.RestApiProps> {
  return {
    ...(vpcEndpointIds.length === 0
      ? { endpointTypes: [apigateway.EndpointType.REGIONAL] }
      : {
          endpointConfiguration: {
            types: [apigateway.EndpointType.PRIVATE],
            vpcEndpoints: vpcEndpointIds.map((vpcEndpointId) =>
              InterfaceVpcEndpoint.fromInterfaceVpcEndpointAttributes(scope, vpcEndpointId, {
                vpcEndpointId,
                port: 443,
              }),
            ),
          },
          policy: onlyThrough(vpcEndpointIds),
        }),
    ...(domain?.isOnly ? { disableExecuteApiEndpoint: true } : {}),
  }
}

/** A private API refuses everybody until a policy names who may call. */
const onlyThrough = (vpcEndpointIds: readonly string[]) =>
  new iam.PolicyDocument({
    statements: [
      new iam.PolicyStatement({
        principals: [new iam.AnyPrincipal()],
        actions: ['execute-api:Invoke'],
        resources: ['execute-api:/*'],
        conditions: { StringEquals: { 'aws:SourceVpce': [...vpcEndpointIds] } },
      }),
    ],
  })

/** A custom domain with a base path, and a web ACL in front of an API. */
export class ApiEndpoint extends Construct {
  constructor(scope: Construct, id: string, api: apigateway.RestApi, { domain, ...settings }: ApiSettings) {
    super(scope, id)
    const webAclArn = settings.managedRules
      ? managedAcl(this, settings.managedRules).attrArn
      : settings.webAclArn
    if (webAclArn)
      new CfnWebACLAssociation(this, 'WebAcl', { resourceArn: api.deploymentStage.stageArn, webAclArn })
    if (!domain) return
    const name = new apigateway.DomainName(this, 'Domain', {
      domainName: domain.name,
      certificate: Certificate.fromCertificateArn(this, 'Certificate', domain.certificateArn),
      endpointType: apigateway.EndpointType.REGIONAL,
      securityPolicy: apigateway.SecurityPolicy.TLS_1_2,
    })
    // Not a base path mapping, which allows only one path segment.
    name.addApiMapping(api.deploymentStage, domain.basePath ? { basePath: domain.basePath } : {})
    new CfnOutput(this, 'DomainTarget', {
      value: name.domainNameAliasDomainName,
      description: `Let ${domain.name} point here, as CNAME or alias`,
    }).overrideLogicalId('DomainTarget')
    new CfnOutput(this, 'DomainTargetZone', {
      value: name.domainNameAliasHostedZoneId,
      description: 'Hosted zone id of the target, for an alias in Route 53',
    }).overrideLogicalId('DomainTargetZone')
  }
}

/** The address of the API for callers. */
export const apiUrl = (api: apigateway.RestApi, { domain }: ApiSettings, base: string): string =>
  domain
    ? `https://${domain.name}${domain.basePath ? `/${domain.basePath}` : ''}${base}`
    : api.urlForPath(base)
