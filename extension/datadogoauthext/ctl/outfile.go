package ctl

import (
	"os"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/durable"
)

// writeNew makes the file at path with what fill writes, mode 0600. The file is there whole or not at all, is never put over
// another one, and survives a power cut once writeNew returned nil. fill may read back what it wrote.
func writeNew(path string, fill func(*os.File) error) error {
	return durable.Create(path, func(temp string) error { return durable.Write(temp, fill) })
}
