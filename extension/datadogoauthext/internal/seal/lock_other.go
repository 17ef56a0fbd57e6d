//go:build !darwin && !dragonfly && !freebsd && !linux && !netbsd && !openbsd

package seal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// lockFile takes the name beside path for this process alone.
func lockFile(path string) (unlock func(), err error) {
	name := path + ".lock"
	file, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%w; if nobody is, remove %s", ErrBusy, name)
	}
	if err != nil {
		return nil, err
	}
	return func() { _ = file.Close(); _ = os.Remove(name) }, nil
}

// keepOwner does nothing: a new file gets the access list of its directory.
func keepOwner(*os.File, fs.FileInfo) error { return nil }
