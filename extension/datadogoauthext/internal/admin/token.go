package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Role is what the bearer of a token may do.
type Role string

// The roles. RoleOperate may do everything, RoleConnect may invite and nothing else.
const (
	RoleRead    Role = "read"
	RoleOperate Role = "operate"
	RoleConnect Role = "connect"
)

// Token names a secret that lets somebody in.
type Token struct {
	// Name stands in logs and on pages, and a person logs in with it. It is short and prints, and holds no colon.
	Name string
	Role Role
	// File holds the secret, 32 to 1024 characters; white space around it is ignored. It is read at every request, so
	// that replacing it works at once and removing it locks its bearer out.
	File string
}

const (
	minTokenBytes = 32
	maxTokenBytes = 1024
	maxTokenName  = 64 // bytes
)

// ValidateTokens reports every fault that shows without reading a file.
func ValidateTokens(tokens []Token) error {
	var errs []error
	seen := make(map[string]bool, len(tokens))
	for i, t := range tokens {
		name := t.Name
		switch {
		case name == "":
			name = fmt.Sprint(i)
			errs = append(errs, fmt.Errorf("tokens::%d::name: give each token a name; it stands in the log for whoever uses it", i))
		case len(name) > maxTokenName || strings.ContainsFunc(name, func(r rune) bool { return r == ':' || r == utf8.RuneError || !unicode.IsPrint(r) }):
			errs = append(errs, fmt.Errorf("tokens::%d::name: %.80q holds a colon or a character that does not print, or more than %d bytes", i, name, maxTokenName))
		case seen[name]:
			errs = append(errs, fmt.Errorf("tokens::%d::name: %q is there twice", i, name))
		}
		seen[t.Name] = true
		if t.Role != RoleRead && t.Role != RoleOperate && t.Role != RoleConnect {
			errs = append(errs, fmt.Errorf("tokens::%d::role: %q is no role; use %s, %s or %s", i, t.Role, RoleRead, RoleOperate, RoleConnect))
		}
		if t.File == "" {
			errs = append(errs, fmt.Errorf("tokens::%d::file: name the file that holds the token %q", i, name))
		}
	}
	return errors.Join(errs...)
}

// CheckTokens reads every token once and reports every one that would let nobody in, so that a start fails instead of the
// first login. It also refuses two tokens of the same secret: whose name would stand in the log?
func (a *Admin) CheckTokens() error {
	var errs []error
	seen := make(map[[sha256.Size]byte]string, len(a.tokens))
	for _, t := range a.tokens {
		sum, err := t.sum()
		if err != nil {
			errs = append(errs, fmt.Errorf("token %q: %w", t.Name, err))
			continue
		}
		if other, ok := seen[sum]; ok {
			errs = append(errs, fmt.Errorf("token %q: holds the same secret as %q; give each its own", t.Name, other))
		}
		seen[sum] = t.Name
	}
	return errors.Join(errs...)
}

// sum reads the token and returns its SHA-256. The secret itself leaves this function in no form.
func (t Token) sum() ([sha256.Size]byte, error) {
	file, err := os.Open(t.File)
	if err != nil {
		return [sha256.Size]byte{}, fmt.Errorf("%w; write a token there, for instance: openssl rand -hex 32", err)
	}
	defer file.Close()
	raw, err := io.ReadAll(io.LimitReader(file, 2*maxTokenBytes))
	if err != nil {
		return [sha256.Size]byte{}, err
	}
	secret := strings.TrimSpace(string(raw))
	if len(secret) < minTokenBytes || len(secret) > maxTokenBytes {
		return [sha256.Size]byte{}, fmt.Errorf("%s: the token is %d characters long, it must be %d to %d; write another one, for instance: openssl rand -hex 32", t.File, len(secret), minTokenBytes, maxTokenBytes)
	}
	return sha256.Sum256([]byte(secret)), nil
}

// match returns the token whose secret is presented, and that secret's SHA-256. A token that cannot be read lets nobody in, nor do two that came to hold
// one secret: it is not known who presents it, nor what they may do.
//
// Both sides are hashed, so the comparison takes the same time whatever the length and wherever they differ, and every
// token is compared, so the time does not tell which one was nearly right.
func (a *Admin) match(presented string) (Token, [sha256.Size]byte, bool) {
	have := sha256.Sum256([]byte(presented))
	if len(presented) < minTokenBytes || len(presented) > maxTokenBytes {
		return Token{}, have, false
	}
	held := make(map[[sha256.Size]byte][]Token, len(a.tokens))
	for _, t := range a.tokens {
		want, err := t.sum()
		if err != nil {
			a.lockedOut.report(a.logger, t.Name, err)
			continue
		}
		held[want] = append(held[want], t)
	}
	var found []Token
	for want, tokens := range held {
		for i, t := range tokens {
			if len(tokens) > 1 {
				a.lockedOut.report(a.logger, t.Name, fmt.Errorf("it holds the same secret as %q; give each its own", tokens[(i+1)%len(tokens)].Name))
			} else {
				a.lockedOut.clear(a.logger, t.Name)
			}
		}
		if subtle.ConstantTimeCompare(have[:], want[:]) == 1 {
			found = tokens
		}
	}
	if len(found) != 1 {
		return Token{}, have, false
	}
	return found[0], have, true
}
