package ctl

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/seal"
)

// keysetCreate writes a keyset and tells its name, never a part of it.
func keysetCreate(args []string, stdout io.Writer) error {
	const example = "datadogoauthctl keyset create --out tokens.keyset.json"
	flags := flag.NewFlagSet("keyset create", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	out := flags.String("out", "", "")
	if err := flags.Parse(args); err != nil {
		return &Error{Err: fmt.Errorf("keyset create: %w", err), Hint: example}
	}
	if *out == "" || flags.NArg() > 0 {
		return &Error{Err: errors.New("keyset create: name one file with --out and nothing else"), Hint: example}
	}
	if err := seal.CreateFile(*out); err != nil {
		return &Error{Err: err, Hint: hint(err, *out)}
	}
	_, err := fmt.Fprintf(stdout, "wrote %s\n", *out)
	return err
}

func hint(err error, out string) string {
	switch {
	case errors.Is(err, seal.ErrExists):
		return "name another file; a keyset that is in use can be replaced by no other, since its store opens with nothing else"
	case errors.Is(err, fs.ErrNotExist):
		return "create the directory first: mkdir -p -m 700 " + filepath.Dir(out)
	case errors.Is(err, fs.ErrPermission):
		return "run it as the collector's user, in a directory that this user owns"
	default:
		return "the file was not written; make room or name another directory, then run the command again"
	}
}
