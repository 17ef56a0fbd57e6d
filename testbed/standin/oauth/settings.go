package oauth

import (
	"fmt"
	"time"
)

// RefreshMode is what becomes of a refresh token when it is used. Datadog's documentation does not say which it is.
type RefreshMode string

// The refresh modes.
const (
	// RefreshRotate returns a new token and ends the old one; using the old one again revokes the whole grant.
	RefreshRotate RefreshMode = "rotate"
	// RefreshReissue returns a new token and leaves the old one valid.
	RefreshReissue RefreshMode = "reissue"
	// RefreshOmit returns no refresh token; the old one stays valid.
	RefreshOmit RefreshMode = "omit"
)

// Settings are the choices that a test may make for the whole world. The zero value is the strict default.
type Settings struct {
	// Refresh is RefreshRotate when empty. A client may have its own.
	Refresh RefreshMode
	// FreshKeyDelay is how long a new API key is refused after it was minted.
	FreshKeyDelay time.Duration
	// AccessTokenLife is one hour when zero.
	AccessTokenLife time.Duration
	// CodeLife is ten minutes when zero.
	CodeLife time.Duration
	// SwapKey breaks the world: a mint is answered with a key that belongs to another organisation, as soon as there is one.
	SwapKey bool
	// WrongSite breaks the world: the callback names another site than the one where the code was issued.
	WrongSite bool
	// AnyVerifier breaks the world: the token endpoint takes whatever code verifier comes with a code.
	AnyVerifier bool
	// ConsentError, unless empty, is the error that the browser is sent back with, whatever the person at the consent page decides, and
	// ConsentErrorText its error_description. Neither has to be of the characters that RFC 6749 §4.1.2.1 allows.
	ConsentError, ConsentErrorText string
	// OmitOrgName leaves dd_org_name out of the callback, whose address may not be long enough for it.
	OmitOrgName bool
	// MoreScope follows the granted scopes in every answer of the token endpoint. It grants nothing.
	MoreScope string
}

// UpdateSettings changes the settings in one step. When change or the result of it is refused, nothing changes.
func (w *World) UpdateSettings(change func(*Settings) error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	next := w.settings
	if err := change(&next); err != nil {
		return err
	}
	if err := next.Refresh.validate(); err != nil {
		return err
	}
	w.settings = next
	return nil
}

// Settings returns the settings in force.
func (w *World) Settings() Settings {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.settings
}

func (m RefreshMode) validate() error {
	switch m {
	case "", RefreshRotate, RefreshReissue, RefreshOmit:
		return nil
	}
	return fmt.Errorf("refresh: no such mode %q; use rotate, reissue or omit", string(m))
}

// refreshMode is the mode that holds for a client.
func (w *World) refreshMode(client string) RefreshMode {
	if m := w.clients[client].Refresh; m != "" {
		return m
	}
	if w.settings.Refresh != "" {
		return w.settings.Refresh
	}
	return RefreshRotate
}

func orDefault(d, fallback time.Duration) time.Duration {
	if d == 0 {
		return fallback
	}
	return d
}
