package flow

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/seal"
)

// Sealer turns bytes into a text that only the collectors of one public URL can read or make. What is sealed for one purpose opens for
// no other.
type Sealer interface {
	Seal(purpose string, plain []byte) (string, error)
	Open(purpose, text string) ([]byte, error)
}

// Purposes of sealed values. Nothing of a customer who is on the way is kept in this process: it is in the store, or travels sealed with
// the browser, so that each request may reach another collector.
const (
	purposeStart   = "start"   // the hidden field behind a connect link
	purposeAdmit   = "admit"   // the same after a ticket
	purposeFlow    = "flow"    // the cookie of a consent under way
	purposeResult  = "result"  // the cookie that the last page is made of
	purposeFailure = "failure" // the address that it is made of for a browser without one
	sealedKind     = "page"    // no kind of record, so no record opens as one of these
	sealedVersion  = 1         // of the form of what is inside
	maxSealed      = 4096      // bytes; a browser keeps no longer cookie. RFC 6265 §6.1
)

// KeysetSealer is a Sealer over the tokens keyset, which every collector that serves the pages has.
type KeysetSealer struct{ keyset *seal.Keyset }

// NewSealer keeps keyset.
func NewSealer(keyset *seal.Keyset) KeysetSealer { return KeysetSealer{keyset: keyset} }

// Seal implements Sealer. The text is base64url.
func (s KeysetSealer) Seal(purpose string, plain []byte) (string, error) {
	sealed, err := s.keyset.Seal(seal.Label{Kind: sealedKind, Key: purpose, Version: sealedVersion}, plain)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}

// Open implements Sealer.
func (s KeysetSealer) Open(purpose, text string) ([]byte, error) {
	if len(text) > maxSealed {
		return nil, seal.ErrFormat
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, seal.ErrFormat
	}
	_, plain, err := s.keyset.Open(sealedKind, purpose, sealedVersion, sealed)
	return plain, err
}

// envelope dates a sealed value: sealing alone would make it good for as long as the key is.
type envelope[T any] struct {
	Expires int64 `json:"e"` // Unix seconds
	Value   T     `json:"v"`
}

var errOutdated = errors.New("the sealed value ran out")

func sealValue[T any](f *Flow, purpose string, life time.Duration, v T) (string, error) {
	plain, err := json.Marshal(envelope[T]{Expires: f.Now().Add(life).Unix(), Value: v})
	if err != nil {
		return "", err
	}
	text, err := f.Sealer.Seal(purpose, plain)
	if err == nil && len(text) > maxSealed {
		err = fmt.Errorf("a sealed %s of %d bytes is more than a browser keeps", purpose, len(text))
	}
	return text, err
}

// openValue reads what sealValue made. On error the value is zero.
func openValue[T any](f *Flow, purpose, text string) (T, error) {
	var env, none envelope[T]
	plain, err := f.Sealer.Open(purpose, text)
	if err != nil {
		return none.Value, err
	}
	if err := json.Unmarshal(plain, &env); err != nil {
		return none.Value, fmt.Errorf("read a sealed %s: %w", purpose, err)
	}
	if f.Now().Unix() >= env.Expires {
		return none.Value, errOutdated
	}
	return env.Value, nil
}
