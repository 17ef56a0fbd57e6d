package partner

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Fault is one thing that is wrong with a ticket.
type Fault string

// The faults.
const (
	Honest       Fault = ""               // nothing is
	Unsigned     Fault = "unsigned"       // alg none
	HMACWithKey  Fault = "hmac_with_key"  // HS256, with the public key as the secret
	ForeignKey   Fault = "foreign_key"    // signed with a key that nobody knows
	WrongNonce   Fault = "wrong_nonce"    // made for another login
	WrongIssuer  Fault = "wrong_issuer"   // by another login service
	Expired      Fault = "expired"        // a minute ago
	LivesTooLong Fault = "lives_too_long" // for an hour
	Replayed     Fault = "replayed"       // the ticket of the login before
)

// Faults are all that must not connect anybody.
func Faults() []Fault {
	return []Fault{Unsigned, HMACWithKey, ForeignKey, WrongNonce, WrongIssuer, Expired, LivesTooLong, Replayed}
}

const ticketLife = time.Minute

// sign makes a ticket with whatever is to be wrong with it. Callers hold mu.
func (l *Login) sign(nonce string) (string, error) {
	now := time.Now()
	claims := jwt.MapClaims{
		"iss": Issuer, "aud": Audience, "tenant": l.customer.Tenant, "nonce": nonce, "jti": rand.Text(),
		"iat": now.Unix(), "exp": now.Add(ticketLife).Unix(),
	}
	if l.customer.AllowChange {
		claims["allow_change"] = true
	}
	method, key := jwt.GetSigningMethod(l.algorithm), any(l.key)
	switch l.fault {
	case Unsigned:
		method, key = jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType
	case HMACWithKey:
		public, err := l.PublicKeyPEM()
		if err != nil {
			return "", err
		}
		method, key = jwt.SigningMethodHS256, public
	case ForeignKey:
		foreign, err := newKey(l.algorithm)
		if err != nil {
			return "", err
		}
		key = foreign
	case WrongNonce:
		claims["nonce"] = rand.Text()
	case WrongIssuer:
		claims["iss"] = "https://login.other.example"
	case Expired:
		claims["iat"], claims["exp"] = now.Add(-2*ticketLife).Unix(), now.Add(-ticketLife).Unix()
	case LivesTooLong:
		claims["exp"] = now.Add(time.Hour).Unix()
	}
	token := jwt.NewWithClaims(method, claims)
	token.Header["kid"] = KeyID
	return token.SignedString(key)
}

// PublicKeyPEM is what a collector verifies tickets with.
func (l *Login) PublicKeyPEM() ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(l.key.Public())
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}

func newKey(algorithm string) (crypto.Signer, error) {
	switch algorithm {
	case "RS256":
		return rsa.GenerateKey(rand.Reader, 2048)
	case "ES256":
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	return nil, fmt.Errorf("no such algorithm %q; use RS256 or ES256", algorithm)
}

// Algorithm is the one that honest tickets are signed with.
func (l *Login) Algorithm() string { return l.algorithm }
