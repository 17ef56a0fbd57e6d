// Package standin plays Datadog for tests: every host of every site, behind one forward proxy.
//
// A program under test runs unmodified and with Datadog's real host names. It is given the proxy's address as proxy_url
// and the test authority (CAPEM) as ca_file; a host that Datadog does not have is refused with 502 and recorded. Inside
// the tunnel hosts (package hosts) are told apart by purpose: consent pages, tokens and keys come from package oauth, what
// takes and gives back data from package intake. Every request goes through the faults in force (package faults) and ends
// up in the request history (package history).
//
// # What it does not imitate
//
//   - People: there is no login, one user per organisation, and no permissions beyond Org.WithheldScopes.
//   - The partner's tile, the marketplace and the submission of an integration; onboarding URLs are opened by the tests.
//   - OAuth beyond the partner's path: dynamic registration, the v2 token endpoint, OpenID discovery, JWKS, application keys
//     as a credential, minting with a refresh token.
//   - Rate limits of its own: 429 comes from a fault only. IP allow-lists, audit logs and billing do not exist.
//   - Plain HTTP, ports other than 443, log intake over TCP, ip-ranges and the versioned Agent hosts (<version>-app.agent).
//   - Time: a code or token expires by the clock of the process, and by Options.Now as well where that is later.
//
// Where Datadog's behaviour is unknown a setting chooses: rotation of refresh tokens, the life of a code, when a fresh
// key is accepted. That keys are limited to one per client and organisation, and the body of the 409, are observations.
// Whether keys can be listed or deleted with a partner's token is unknown: here scopes api_keys_read and api_keys_delete
// decide. Packages oauth and intake name their own limits.
package standin
