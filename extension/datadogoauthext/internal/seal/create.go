package seal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

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

// CreateFile writes a new keyset to path with mode 0600. When it returns nil the file survives a power cut.
//
// The name is taken first, exclusively and empty, so that two calls can never write over each other; the content is
// written beside it and moved over the empty file, so that a reader sees nothing or all of it.
func CreateFile(path string) (err error) {
	reserved, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("create keyset %s: %w", path, ErrExists)
	}
	if err != nil {
		return fmt.Errorf("create keyset %s: %w", path, withoutPath(err))
	}
	defer func() {
		if err != nil {
			_ = os.Remove(path)
			err = fmt.Errorf("create keyset %s: %w", path, withoutPath(err))
		}
	}()
	if err := reserved.Close(); err != nil {
		return err
	}
	dir := filepath.Dir(path)
	temp, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*") // 0600 by its contract
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name()) // does nothing once it is renamed
	if err := errors.Join(Create(temp), temp.Sync(), temp.Close()); err != nil {
		return err
	}
	if err := os.Rename(temp.Name(), path); err != nil {
		return err
	}
	return durable.SyncDir(dir)
}
