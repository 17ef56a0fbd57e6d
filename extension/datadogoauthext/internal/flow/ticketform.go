package flow

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

const maxTicketNesting = 8

var errForm = errors.New("the ticket is no JWT in compact form whose header and payload are JSON objects without repeated members")

// checkForm refuses what two parsers may read differently, before anything reads it: RFC 7519 §4 lets a parser take the last of two
// equal members, or refuse. Names are compared without case, as package encoding/json does when it fills a struct.
func checkForm(ticket string) error {
	parts := strings.Split(ticket, ".")
	if len(parts) != 3 || strings.ContainsAny(ticket, "\r\n") { // package base64 skips line ends
		return errForm
	}
	var raw []byte
	for _, part := range parts[:2] {
		var err error
		if raw, err = base64.RawURLEncoding.Strict().DecodeString(part); err != nil || !strictObject(raw) {
			return errForm
		}
	}
	return checkNames(raw)
}

// claimNames are those that ticketClaims reads.
var claimNames = []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "tenant", "nonce", "allow_change"}

// checkNames refuses a payload whose claims package encoding/json would find and a strict reader would not: it takes "Tenant", which may be
// another claim of the login's, for "tenant", and a text for a number. RFC 7519 §2, §4
func checkNames(payload []byte) error {
	members := map[string]json.RawMessage{}
	if err := json.Unmarshal(payload, &members); err != nil {
		return errForm
	}
	for name, value := range members {
		for _, known := range claimNames {
			if name != known && strings.EqualFold(name, known) {
				return fmt.Errorf("the ticket has a claim whose name is %s but for capitals: write it as it is here, and call any other claim otherwise", known)
			}
		}
		if slices.Contains([]string{"exp", "nbf", "iat"}, name) && value[0] == '"' {
			return fmt.Errorf("the ticket's %s is a text: write the seconds since 1970 as a number", name)
		}
	}
	return nil
}

func strictObject(raw []byte) bool {
	if !utf8.Valid(raw) { // RFC 8259 §8.1; package encoding/json reads U+FFFD for whatever is wrong
		return false
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if first, err := d.Token(); err != nil || first != json.Delim('{') {
		return false
	}
	if !strictMembers(d, 1) {
		return false
	}
	_, err := d.Token()
	return errors.Is(err, io.EOF)
}

// strictMembers reads an object whose opening brace is read.
func strictMembers(d *json.Decoder, depth int) bool {
	seen := map[string]struct{}{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return false
		}
		folded := strings.ToLower(strings.ToUpper(name.(string))) // a text, since the decoder is inside an object
		if _, twice := seen[folded]; twice {
			return false
		}
		seen[folded] = struct{}{}
		if !strictValue(d, depth) {
			return false
		}
	}
	_, err := d.Token()
	return err == nil
}

func strictValue(d *json.Decoder, depth int) bool {
	value, err := d.Token()
	if err != nil || depth >= maxTicketNesting {
		return false
	}
	switch value {
	case json.Delim('{'):
		return strictMembers(d, depth+1)
	case json.Delim('['):
		for d.More() {
			if !strictValue(d, depth+1) {
				return false
			}
		}
		_, err = d.Token()
		return err == nil
	default:
		return true
	}
}
