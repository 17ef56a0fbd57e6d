package ctl

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/durable"
)

// writeNew makes the file at path with what fill writes, mode 0600. The file is there whole or not at all, is never put over
// another one, and survives a power cut once writeNew returned nil. fill may read back what it wrote.
func writeNew(path string, fill func(*os.File) error) error {
	dir := filepath.Dir(path)
	temp, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*") // 0600 by its contract
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	if err := errors.Join(fill(temp), temp.Sync(), temp.Close()); err != nil {
		return err
	}
	return giveName(temp.Name(), path)
}

// giveName gives a file that is complete its name, which must be free. A rename would put it over whatever has the name.
func giveName(temp, path string) error {
	if err := os.Link(temp, path); err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(path))
}
