package seal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/durable"
)

// Errors of Add, Promote and Retire.
var (
	ErrNoKey     = errors.New("no such key in the keyset")
	ErrPrimary   = errors.New("the key is the primary one")
	ErrProjected = errors.New("the file is part of a Kubernetes volume, which is read only")
	ErrBusy      = errors.New("somebody else is changing the keyset file")
)

// Keys are replaced in steps, so that every collector can open what any other one seals: Add, let every collector read
// the file, Promote, let every collector read the file and seal again what the old key sealed, Retire.

// Add puts another random AES256-GCM key into a keyset file and returns its id. It opens at once and seals nothing yet.
func Add(path string) (id uint32, err error) {
	err = edit(path, func(manager *keyset.Manager, _ *material) error {
		id, err = manager.Add(aead.AES256GCMKeyTemplate())
		return err
	})
	return id, err
}

// Promote makes a key of the file the one that seals.
func Promote(path string, id uint32) error {
	return edit(path, func(manager *keyset.Manager, m *material) error {
		if _, ok := m.find(id); !ok {
			return fmt.Errorf("%w: %d", ErrNoKey, id)
		}
		if err := manager.Enable(id); err != nil {
			return err
		}
		return manager.SetPrimary(id)
	})
}

// Retire takes a key out of the file for good; what it sealed opens no more, in a backup neither. The caller has made sure
// that no store needs it. The primary key is never retired.
func Retire(path string, id uint32) error {
	return edit(path, func(manager *keyset.Manager, m *material) error {
		key, ok := m.find(id)
		switch {
		case !ok:
			return fmt.Errorf("%w: %d", ErrNoKey, id)
		case key.Primary:
			return fmt.Errorf("%w: %d", ErrPrimary, id)
		}
		return manager.Delete(id)
	})
}

func (m *material) find(id uint32) (KeyInfo, bool) {
	i := slices.IndexFunc(m.keys, func(key KeyInfo) bool { return key.ID == id })
	if i < 0 {
		return KeyInfo{}, false
	}
	return m.keys[i], true
}

// edit replaces a keyset file by a changed one. A reader sees the old file or the new one, and when edit returns nil the
// new one survives a power cut. Two edits at once happen one after the other.
//
// A link is followed, so that the file changes where it lies. The new file has the mode and the owner of the old one: a
// collector that could read it before can read it afterwards.
func edit(path string, change func(*keyset.Manager, *material) error) error {
	target, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("keyset %s: %w", path, ErrMissing)
	}
	if err != nil {
		return fmt.Errorf("keyset %s: %w", path, withoutPath(err))
	}
	if strings.HasPrefix(filepath.Base(filepath.Dir(target)), "..") { // where a kubelet keeps what ..data points to
		return fmt.Errorf("keyset %s: %w; change a copy of it, then the secret that the volume is made of", path, ErrProjected)
	}
	unlock, err := lockFile(target)
	if err != nil {
		return fmt.Errorf("keyset %s: %w", path, withoutPath(err))
	}
	defer unlock()
	old, info, err := read(target)
	if err != nil {
		return err
	}
	manager := keyset.NewManagerFromHandle(old.handle)
	if err := change(manager, old); err != nil {
		return fmt.Errorf("keyset %s: %w", path, err)
	}
	handle, err := manager.Handle()
	if err != nil {
		return fmt.Errorf("keyset %s: %w", path, err)
	}
	var text bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&text)); err != nil {
		return fmt.Errorf("keyset %s: %w", path, err)
	}
	text.WriteByte('\n')
	if _, err := parse(text.Bytes()); err != nil {
		return fmt.Errorf("keyset %s: what would be written is wrong, so nothing was: %w", path, err)
	}
	if err := replaceFile(target, text.Bytes(), info); err != nil {
		return fmt.Errorf("keyset %s: %w", path, withoutPath(err))
	}
	return nil
}

// replaceFile puts content in the place of the file that info describes.
func replaceFile(path string, content []byte, info fs.FileInfo) error {
	return durable.Replace(path, func(temp string) error {
		return durable.Write(temp, func(file *os.File) error {
			_, err := file.Write(content)
			return errors.Join(err, keepOwner(file, info), file.Chmod(info.Mode().Perm()))
		})
	})
}
