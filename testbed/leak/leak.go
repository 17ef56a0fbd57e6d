// Package leak searches output for secrets, whole or in part and in the encodings in which programs print bytes.
package leak

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
)

// windowBytes is how many characters of a secret count as a leak of it.
const windowBytes = 12

type window [windowBytes]byte

// Scanner knows secrets and finds them. The zero Scanner knows none.
type Scanner struct {
	windows map[window]form
}

type form struct {
	secret   int
	encoding string
}

// Finding is one leak. It names the secret by its number of registration, so that printing it leaks nothing more.
type Finding struct {
	Secret   int
	Encoding string
	Offset   int
}

func (f Finding) String() string {
	return fmt.Sprintf("secret %d, %s, at byte %d", f.Secret, f.Encoding, f.Offset)
}

// Add registers a secret under a number of the caller's choice. Secrets shorter than 12 characters cannot be told from
// ordinary text and are an error.
func (s *Scanner) Add(number int, secret string) error {
	if len(secret) < windowBytes {
		return fmt.Errorf("secret %d has %d characters; fewer than %d cannot be searched", number, len(secret), windowBytes)
	}
	if s.windows == nil {
		s.windows = make(map[window]form)
	}
	s.add(number, "raw", secret)
	s.add(number, "URL-encoded", url.QueryEscape(secret))
	s.add(number, "hex", hex.EncodeToString([]byte(secret)))
	s.add(number, "upper-case hex", strings.ToUpper(hex.EncodeToString([]byte(secret))))
	// Inside a longer text, base64 looks different at each of three alignments. The first and last characters depend on
	// what stands around the secret, so they are left out.
	for shift := range 3 {
		padded := append(make([]byte, shift), secret...)
		for name, enc := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64url": base64.RawURLEncoding} {
			text := enc.EncodeToString(padded)
			if shift > 0 {
				text = text[shift+1:]
			}
			s.add(number, name, text[:len(text)-1])
		}
	}
	return nil
}

func (s *Scanner) add(number int, encoding, text string) {
	for i := 0; i+windowBytes <= len(text); i++ {
		w := window([]byte(text[i : i+windowBytes]))
		if _, known := s.windows[w]; !known {
			s.windows[w] = form{secret: number, encoding: encoding}
		}
	}
}

// Scan returns the first leak of each secret and encoding in output.
func (s *Scanner) Scan(output []byte) []Finding {
	var found []Finding
	seen := make(map[form]bool)
	for i := 0; i+windowBytes <= len(output); i++ {
		f, leaked := s.windows[window(output[i:i+windowBytes])]
		if leaked && !seen[f] {
			seen[f] = true
			found = append(found, Finding{Secret: f.secret, Encoding: f.encoding, Offset: i})
		}
	}
	return found
}
