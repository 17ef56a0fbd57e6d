// Package ctl is the command datadogoauthctl. It lies inside the extension because it works with the extension's keysets
// and stores, which nothing else may import; cmd/datadogoauthctl is the shell around it.
package ctl

import (
	"context"
	"errors"
	"fmt"
	"io"
)

const usage = `datadogoauthctl looks after the files of the datadogoauth extension.

Usage:

    datadogoauthctl keyset create --out FILE

Commands:

    keyset create   write a new keyset to FILE, which must not exist yet; mode 0600

The extension needs two keysets, one for tokens and one for API keys. Keep a copy of each apart from the backups of the
store: without its keyset a store is worth nothing, and with it everything in the store can be read.

Example:

    datadogoauthctl keyset create --out /etc/otelcol-datadogoauth/tokens.keyset.json
    datadogoauthctl keyset create --out /etc/otelcol-datadogoauth/keys.keyset.json
`

// Error is what Run returns: what went wrong, and what the operator can do about it.
type Error struct {
	Err  error
	Hint string
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Run does what args say, without the name of the program. What was asked for goes to stdout; the caller prints the error,
// which is an *Error with a hint.
func Run(ctx context.Context, args []string, stdout io.Writer) error {
	if err := ctx.Err(); err != nil {
		return &Error{Err: err, Hint: "run the command again"}
	}
	switch {
	case len(args) == 0:
		return &Error{Err: errors.New("no command given"), Hint: "datadogoauthctl --help lists the commands"}
	case isHelp(args[len(args)-1]):
		_, err := io.WriteString(stdout, usage)
		return err
	case len(args) >= 2 && args[0] == "keyset" && args[1] == "create":
		return keysetCreate(args[2:], stdout)
	case args[0] == "keyset" && len(args) == 1:
		return &Error{Err: errors.New("keyset: no command given"), Hint: "datadogoauthctl keyset create --out FILE"}
	default:
		return &Error{Err: fmt.Errorf("no such command: %.100q", args), Hint: "datadogoauthctl --help lists the commands"}
	}
}

func isHelp(arg string) bool {
	return arg == "help" || arg == "-h" || arg == "-help" || arg == "--help"
}
