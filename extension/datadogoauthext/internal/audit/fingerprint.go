package audit

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"io"
)

// FingerprintKey makes fingerprints. The zero value makes none that tell anything.
type FingerprintKey struct{ secret []byte }

const keyBytes = 32

// NewFingerprintKey makes a key and returns it also as it is stored.
func NewFingerprintKey() (key FingerprintKey, secret []byte) {
	secret = make([]byte, keyBytes)
	_, _ = rand.Read(secret) // never fails: crypto/rand ends the program instead
	return FingerprintKey{secret}, secret
}

// OpenFingerprintKey takes a stored key; ok is false where it is none.
func OpenFingerprintKey(secret []byte) (key FingerprintKey, ok bool) {
	return FingerprintKey{secret}, len(secret) == keyBytes
}

// Works reports whether fingerprints tell anything.
func (k FingerprintKey) Works() bool { return len(k.secret) > 0 }

// Of is the fingerprint of a secret of a kind, such as "api_key": "hmac:" and 12 hexadecimal digits. That of no secret is empty.
func (k FingerprintKey) Of(kind, secret string) string {
	switch {
	case secret == "":
		return ""
	case len(k.secret) == 0:
		return "a secret"
	}
	mac := hmac.New(sha256.New, k.secret)
	_, _ = io.WriteString(mac, kind)
	_, _ = mac.Write([]byte{0})
	_, _ = io.WriteString(mac, secret)
	return "hmac:" + hex.EncodeToString(mac.Sum(nil)[:6])
}

// String keeps the key out of whatever prints it.
func (FingerprintKey) String() string { return "fingerprint key" }

// GoString is String.
func (FingerprintKey) GoString() string { return "fingerprint key" }
