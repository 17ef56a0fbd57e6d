// Package oauth plays Datadog's authorization server, its consent page and the few REST calls around API keys.
//
// The protocol itself (codes, PKCE, tokens, rotation and re-use detection, revocation) is github.com/ory/fosite, an
// OAuth library that shares nothing with the product. Each site has a provider, a signing secret and a store of its own,
// so a code, a token or a key of one site is simply unknown on another one. What is Datadog's own stands around it:
// where pages live, the parameters of the callback, client credentials in the body only, the exact texts of errors,
// one marketplace key per client and organisation.
//
// Sources: DataDog/documentation content/en/extend/authorization/oauth2_endpoints.md and oauth2_in_datadog.md,
// content/en/developers/integrations/api_integration.md, the v1 and v2 OpenAPI of DataDog/datadog-api-client-go v2.67.0,
// RFC 6749, RFC 7009, RFC 7636.
package oauth
