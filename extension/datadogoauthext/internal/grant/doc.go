// Package grant keeps what customers gave us: which Datadog organisation each tenant connected, the tokens of that
// grant, and the API key minted for that organisation.
//
// Read it in this order: record.go (what is stored), facts.go (the states and what moves them), vault.go (sealed records
// in the store), service.go (life), then one file for each thing that happens to a grant: connect.go, mint.go, refresh.go,
// refused.go, bearer.go, lookup.go.
//
// Two rules hold everywhere. Every change is stored before it is acted on, so the store is the truth and memory only a view
// of it. No lock is held over a network call or a write to the store.
package grant
