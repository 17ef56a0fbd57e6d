// Package admin is what the operator sees: a JSON API for the partner's backend and pages for a person.
//
// It is mounted on a listener of its own, never on the one that customers reach. It knows tenants only through Grants and
// holds no secret but the tokens that let people in, which it reads from files and keeps no longer than a request.
//
// Routes (routes.go) lists what there is, and which roles may use it. The API, under /v1, wants a token with each request as Bearer; pages
// want a session, which a person gets for the name of a token and the token. Neither takes what is meant for the other, so no foreign page
// can make a browser act at the API, and a form needs more than a cookie (guard.go).
//
// Every order is logged with the name of the token that gave it.
package admin
