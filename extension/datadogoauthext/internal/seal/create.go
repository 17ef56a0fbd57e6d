package seal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/durable"
)

// ErrExists means that CreateFile found something under the name. A keyset that is overwritten takes every record that
// it sealed with it, so there is no way to force it.
var ErrExists = errors.New("the file exists, and a keyset is never overwritten")

// Create writes a new keyset of one random AES256-GCM key to w, in clear.
func Create(w io.Writer) error {
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return fmt.Errorf("create keyset: %w", err)
	}
	var text bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&text)); err != nil {
		return fmt.Errorf("create keyset: %w", err)
	}
	text.WriteByte('\n')
	if _, err := w.Write(text.Bytes()); err != nil {
		return fmt.Errorf("create keyset: %w", err)
	}
	return nil
}

// CreateFile writes a new keyset to path with mode 0600. When it returns nil the file survives a power cut. Two calls never write over
// each other.
func CreateFile(path string) error {
	err := durable.Create(path, func(temp string) error {
		return durable.Write(temp, func(file *os.File) error { return Create(file) })
	})
	switch {
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("create keyset %s: %w", path, ErrExists)
	case err != nil:
		return fmt.Errorf("create keyset %s: %w", path, withoutPath(err))
	default:
		return nil
	}
}
