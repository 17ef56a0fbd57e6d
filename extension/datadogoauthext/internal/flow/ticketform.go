package flow

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"strings"
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
	for _, part := range parts[:2] {
		raw, err := base64.RawURLEncoding.Strict().DecodeString(part)
		if err != nil || !strictObject(raw) {
			return errForm
		}
	}
	return nil
}

func strictObject(raw []byte) bool {
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
