package grant

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
)

// maxSecretBytes bounds what is read: a client secret is some dozens of characters.
const maxSecretBytes = 4096

// SecretFile is a secret in a file that may be replaced while the program runs, also by the symlink swap of a Kubernetes
// projected volume. It is read again when the file behind the name, its time or its size changes.
type SecretFile struct {
	path string

	mu     sync.Mutex // guards the rest
	seen   fs.FileInfo
	secret string
	stamp  uint64
}

// OpenSecretFile reads the file once, so that a missing one shows at start.
func OpenSecretFile(path string) (*SecretFile, error) {
	f := &SecretFile{path: path}
	_, _, err := f.Read()
	return f, err
}

// Read returns the secret without surrounding white space, and a stamp that grows whenever the secret is another one.
func (f *SecretFile) Read() (secret string, stamp uint64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := os.Stat(f.path)
	if err != nil {
		return "", 0, f.fault(err)
	}
	if info.IsDir() {
		return "", 0, fmt.Errorf("%s is a directory; name the file that holds the OAuth client secret", f.path)
	}
	if f.seen != nil && os.SameFile(f.seen, info) && f.seen.ModTime().Equal(info.ModTime()) && f.seen.Size() == info.Size() {
		return f.secret, f.stamp, nil
	}
	if info.Size() > maxSecretBytes {
		return "", 0, fmt.Errorf("%s holds %d bytes; a file with nothing but the OAuth client secret is expected", f.path, info.Size())
	}
	raw, err := os.ReadFile(f.path)
	if err != nil {
		return "", 0, f.fault(err)
	}
	text := string(bytes.TrimSpace(raw))
	if text == "" {
		return "", 0, fmt.Errorf("%s is empty; write the OAuth client secret into it", f.path)
	}
	f.seen = info
	if text != f.secret {
		f.secret = text
		f.stamp++
	}
	return f.secret, f.stamp, nil
}

func (f *SecretFile) fault(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s does not exist; write the OAuth client secret into it", f.path)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s cannot be read by this user; grant the collector's user read access", f.path)
	default:
		return fmt.Errorf("%s cannot be read: %w", f.path, err)
	}
}
