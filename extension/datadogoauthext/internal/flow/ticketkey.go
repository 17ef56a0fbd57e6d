package flow

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"github.com/golang-jwt/jwt/v5"
)

const (
	maxKeyBytes = 16 << 10
	minRSABits  = 2048 // RFC 7518 §3.3
)

// algorithms are what TicketOptions.Algorithm may name: those of RFC 7518 §3.1 and RFC 8037 that sign. none is not among them.
var algorithms = []string{
	"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "HS256", "HS384", "HS512",
}

// keyFile is one key that tickets are verified with. Its file may be replaced while the program runs, also by the symlink swap of a
// Kubernetes projected volume: it is read again when the file behind the name, its time or its size changes. A file that is gone or
// spoilt verifies nothing, since removing it is how a key is withdrawn.
type keyFile struct {
	id, path string
	alg      string

	mu   sync.Mutex // guards the rest
	seen fs.FileInfo
	key  any // of the type that alg verifies with
}

// read returns the key: *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey, or []byte for the HMAC algorithms.
func (k *keyFile) read() (any, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	info, err := os.Stat(k.path)
	if err != nil {
		return nil, k.fault(err)
	}
	if k.seen != nil && os.SameFile(k.seen, info) && k.seen.ModTime().Equal(info.ModTime()) && k.seen.Size() == info.Size() {
		return k.key, nil
	}
	k.seen, k.key = nil, nil
	if !info.Mode().IsRegular() || info.Size() > maxKeyBytes {
		return nil, fmt.Errorf("%s is no file of at most %d bytes; %s", k.path, maxKeyBytes, k.wanted())
	}
	raw, err := os.ReadFile(k.path)
	if err != nil {
		return nil, k.fault(err)
	}
	key, err := parseKey(k.alg, raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; %s", k.path, err, k.wanted())
	}
	k.seen, k.key = info, key
	return key, nil
}

func (k *keyFile) fault(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s does not exist; %s", k.path, k.wanted())
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s cannot be read by this user; grant the collector's user read access", k.path)
	default:
		return fmt.Errorf("%s cannot be read: %w", k.path, err)
	}
}

// wanted says what belongs into the file.
func (k *keyFile) wanted() string {
	if k.alg[0] == 'H' {
		return fmt.Sprintf("write the secret that your login signs %s tickets with into it, at least %d random bytes", k.alg, minSecret(k.alg))
	}
	return fmt.Sprintf("write the public key of your login's %s signatures into it, as PEM (PUBLIC KEY)", k.alg)
}

// minSecret is the size of the hash's output. RFC 7518 §3.2
func minSecret(alg string) int {
	return map[string]int{"HS256": 32, "HS384": 48, "HS512": 64}[alg]
}

// parseKey reads a key for one algorithm. What it returns is of that algorithm's own type, so that a token cannot make another algorithm
// of it: a public key, which everybody may have, is never bytes to compute an HMAC with.
func parseKey(alg string, raw []byte) (any, error) {
	if alg[0] == 'H' {
		secret := bytes.TrimRight(raw, "\r\n")
		if bytes.Contains(secret, []byte("-----BEGIN")) {
			return nil, errors.New("it holds PEM, which is no shared secret")
		}
		if len(secret) < minSecret(alg) {
			return nil, fmt.Errorf("it holds %d bytes", len(secret))
		}
		return secret, nil
	}
	block, rest := pem.Decode(raw)
	if block == nil || block.Type != "PUBLIC KEY" || len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("it does not hold one PUBLIC KEY in PEM")
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, errors.New("its PUBLIC KEY cannot be read")
	}
	switch method := jwt.GetSigningMethod(alg).(type) {
	case *jwt.SigningMethodRSA, *jwt.SigningMethodRSAPSS:
		if key, ok := parsed.(*rsa.PublicKey); ok && key.N.BitLen() >= minRSABits {
			return key, nil
		}
		return nil, fmt.Errorf("its key is not RSA of at least %d bits", minRSABits)
	case *jwt.SigningMethodECDSA:
		if key, ok := parsed.(*ecdsa.PublicKey); ok && key.Curve.Params().BitSize == method.CurveBits {
			return key, nil
		}
		return nil, fmt.Errorf("its key is not on the P-%d curve", method.CurveBits)
	case *jwt.SigningMethodEd25519:
		if key, ok := parsed.(ed25519.PublicKey); ok {
			return key, nil
		}
		return nil, errors.New("its key is not Ed25519")
	default:
		return nil, fmt.Errorf("algorithm %s is not known", alg)
	}
}
