// Package admin is what the operator sees: a JSON API for the partner's backend and a status page for a person.
//
// It is mounted on a listener of its own, never on the one that customers reach. It knows tenants only through Grants and
// holds no secret but the tokens that let people in, which it reads from files and keeps no longer than a request.
//
//	GET  /                        status page      Basic (user: name of a token, password: the token), role read or operate
//	GET  /status.css              its style        nobody
//	GET  /v1/tenants              every tenant     Bearer, role read or operate
//	GET  /v1/tenants/{tenant}     one tenant       Bearer, role read or operate
//	POST /v1/invitations          a connect link   Bearer, role connect or operate
//	GET  /v1/ready                200 or 503       nobody, any Host: it is for probes and tells one bit
package admin
