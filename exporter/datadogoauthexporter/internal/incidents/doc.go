// Package incidents brings incidents to Datadog, each once.
//
// Datadog takes no idempotency key when an incident is created, so what is to be done is noted first, in the journal that the holder of
// grants keeps, under organisation and key, by compare-and-swap:
//
//	           ┌── turned away: tried again ──┐
//	           ▼                              │
//	record ─► new ──► creating ── answered ──► open ──► updated by each later record of the key
//	                     │                      ▲
//	                     │ no clear answer      │ found
//	                     └──► searching ────────┤
//	                              │ not found in time
//	                              └──► unknown: counted, shown, never created again
//
// Only an entry that is new is created, and it is creating before the call. One that is found creating later, by whoever, is searched for. An
// incident is recognised by the end of its title, which is the key in brackets.
//
// API: https://docs.datadoghq.com/api/latest/incidents/, a public beta.
package incidents
