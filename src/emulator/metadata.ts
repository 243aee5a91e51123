/** The `/.well-known/oauth-authorization-server` document (RFC 8414). */
export function serverMetadata(issuer: string): object {
  const clientAuth = ['client_secret_post', 'client_secret_basic', 'none']
  const algorithms = ['ES256', 'RS256']
  return {
    authorization_endpoint: `${issuer}/oauth2/authorize`,
    authorization_grant_profiles_supported: ['urn:ietf:params:oauth:grant-profile:id-jag'],
    backchannel_authentication_endpoint: `${issuer}/oauth2/bc-authorize`,
    backchannel_authentication_request_signing_alg_values_supported: [],
    backchannel_token_delivery_modes_supported: ['poll', 'ping', 'push'],
    backchannel_user_code_parameter_supported: false,
    dpop_signing_alg_values_supported: algorithms,
    grant_types_supported: [
      'refresh_token',
      'client_credentials',
      'urn:ietf:params:oauth:grant-type:jwt-bearer',
      'urn:ietf:params:oauth:grant-type:token-exchange',
      'api_key',
      'urn:openid:params:grant-type:ciba',
    ],
    introspection_endpoint: `${issuer}/oauth2/token/introspect`,
    introspection_endpoint_auth_methods_supported: clientAuth,
    issuer,
    jwks_uri: `${issuer}/.well-known/jwks.json`,
    registration_endpoint: `${issuer}/oauth2/register`,
    response_types_supported: [],
    revocation_endpoint: `${issuer}/oauth2/token/revoke`,
    revocation_endpoint_auth_methods_supported: clientAuth,
    token_endpoint: `${issuer}/oauth2/token`,
    token_endpoint_auth_methods_supported: clientAuth,
    token_endpoint_auth_signing_alg_values_supported: algorithms,
  }
}

/** The `/.well-known/oauth-protected-resource` document (RFC 9728). */
export function resourceMetadata(issuer: string): object {
  return {
    authorization_servers: [issuer],
    bearer_methods_supported: ['header'],
    dpop_bound_access_tokens_required: false,
    jwks_uri: `${issuer}/.well-known/jwks.json`,
    resource: issuer,
    resource_name: 'ZeroID',
  }
}
