// Package admin is what the operator sees: a JSON API for the partner's backend and a status page for a person.
//
// It is mounted on a listener of its own, never on the one that customers reach. It knows tenants only through Grants and
// holds no secret but the tokens that let people in, which it reads from files and keeps no longer than a request.
//
//	GET    /                                     status page      Basic (user: name of a token, password: the token), role read or operate
//	GET    /status.css                           its style        nobody
//	GET    /v1/ready                             200 or 503       nobody, any Host: it is for probes
//	GET    /v1/tenants                           every tenant     Bearer, role read or operate
//	GET    /v1/tenants/{tenant}                  one tenant       Bearer, role read or operate
//	POST   /v1/tenants/{tenant}/pause            an order         Bearer, role operate, as all that follow up to change/reject
//	POST   /v1/tenants/{tenant}/resume
//	POST   /v1/tenants/{tenant}/disconnect
//	POST   /v1/tenants/{tenant}/mint
//	POST   /v1/tenants/{tenant}/change/confirm
//	POST   /v1/tenants/{tenant}/change/reject
//	GET    /v1/changes                           pending changes  Bearer, role read or operate
//	GET    /v1/revocations                       what is left to do at Datadog  Bearer, role read or operate
//	GET    /v1/incidents                         of unknown outcome  Bearer, role read or operate
//	POST   /v1/invitations                       a connect link   Bearer, role connect or operate
//	GET    /v1/invitations                       open links       Bearer, role read or operate
//	DELETE /v1/invitations/{id}                  revokes one      Bearer, role operate
//	GET    /v1/store/archive                     a backup         Bearer, role operate
//	GET    /v1/quarantine                        of a restored store  Bearer, role read or operate
//	POST   /v1/quarantine/end                    ends it          Bearer, role operate
//
// Every order is logged with the name of the token that gave it.
package admin
