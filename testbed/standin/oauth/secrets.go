package oauth

import (
	"crypto/rand"
	"encoding/hex"
	"slices"
)

// Secret is a value that must never turn up in an output of the product.
type Secret struct {
	// Kind is client_secret, state, code, code_verifier, access_token, refresh_token, api_key or reader_token.
	Kind   string `json:"kind"`
	Value  string `json:"value"`
	Site   string `json:"site,omitempty"`
	Org    string `json:"org,omitempty"`
	Client string `json:"client,omitempty"`
}

// Secrets returns every secret that was issued here or shown to the stand-in, so that a test can search for them.
// Nothing but tests may call it: the stand-in holds no real credential.
func (w *World) Secrets() []Secret {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return slices.Clone(w.secrets)
}

// remember records a secret once. Callers hold mu.
func (w *World) remember(s Secret) {
	if s.Value != "" && !w.remembered[s] {
		w.remembered[s] = true
		w.secrets = append(w.secrets, s)
	}
}

// randomHex returns 2n hexadecimal digits.
func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails: crypto/rand.Read ends the program when the system has no randomness
	return hex.EncodeToString(b)
}
