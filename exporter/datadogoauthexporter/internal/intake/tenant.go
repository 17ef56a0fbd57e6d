package intake

import (
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
)

// MaxTenantBytes bounds the name of a tenant. Names are part of keys, files and pages.
const MaxTenantBytes = credential.MaxTenantBytes

// CheckTenant refuses a name that no tenant can have. The error does not repeat the name, which may come from outside.
func CheckTenant(name string) error {
	switch {
	case name == "":
		return errors.New("the name of a tenant must not be empty")
	case len(name) > MaxTenantBytes:
		return fmt.Errorf("the name of a tenant must not be longer than %d bytes, got %d", MaxTenantBytes, len(name))
	case !utf8.ValidString(name):
		return errors.New("the name of a tenant must be UTF-8")
	}
	for _, c := range name {
		if !unicode.IsPrint(c) || c == utf8.RuneError { // it stands in the log; the extension connects none of these either
			return errors.New("the name of a tenant must hold printable characters only, and not U+FFFD")
		}
	}
	return nil
}
