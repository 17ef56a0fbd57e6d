package datadogoauthext

import (
	"context"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
)

// Journals implements credential.Journal.
func (e *datadogOAuth) Journals() error {
	if grants := e.grants.Load(); grants != nil {
		return grants.Journals()
	}
	return credential.ErrNotReady
}

// ReadEntry implements credential.Journal.
func (e *datadogOAuth) ReadEntry(ctx context.Context, org credential.Org, key string) (credential.JournalEntry, error) {
	if grants := e.grants.Load(); grants != nil {
		return grants.ReadEntry(ctx, org, key)
	}
	return credential.JournalEntry{}, credential.ErrNotReady
}

// WriteEntry implements credential.Journal.
func (e *datadogOAuth) WriteEntry(ctx context.Context, entry credential.JournalEntry) (uint64, error) {
	if grants := e.grants.Load(); grants != nil {
		return grants.WriteEntry(ctx, entry)
	}
	return 0, credential.ErrNotReady
}

// EachEntry implements credential.Journal.
func (e *datadogOAuth) EachEntry(ctx context.Context, yield func(credential.JournalEntry) error) error {
	if grants := e.grants.Load(); grants != nil {
		return grants.EachEntry(ctx, yield)
	}
	return credential.ErrNotReady
}
