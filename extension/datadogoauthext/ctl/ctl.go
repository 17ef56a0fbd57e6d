// Package ctl is the command datadogoauthctl. It lies inside the extension because it works with the extension's keysets
// and stores, which nothing else may import; cmd/datadogoauthctl is the shell around it.
package ctl

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Error is what Run returns: what went wrong, and what the operator can do about it.
type Error struct {
	Err  error
	Hint string
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Run does what args say, without the name of the program. What was asked for goes to stdout, how far it is to stderr; the
// caller prints the error, which is an *Error with a hint.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if err := ctx.Err(); err != nil {
		return &Error{Err: err, Hint: "run the command again"}
	}
	if len(args) == 0 {
		return &Error{Err: errors.New("no command given"), Hint: "datadogoauthctl --help lists the commands"}
	}
	if slices.ContainsFunc(args, isHelp) {
		_, err := io.WriteString(stdout, helpFor(args))
		return err
	}
	if len(args) == 1 && slices.Contains([]string{"keyset", "store", "queue"}, args[0]) {
		return &Error{Err: fmt.Errorf("%s: no command given", args[0]), Hint: "datadogoauthctl " + args[0] + " --help lists its commands"}
	}
	for _, c := range commands() {
		if rest, ok := c.named(args); ok {
			c.flags = flag.NewFlagSet(c.name, flag.ContinueOnError)
			c.flags.SetOutput(io.Discard)
			c.args, c.stdout, c.stderr = rest, stdout, stderr
			return c.run(ctx, c)
		}
	}
	return &Error{Err: fmt.Errorf("no such command: %.100q", args), Hint: "datadogoauthctl --help lists the commands"}
}

func isHelp(arg string) bool {
	return arg == "help" || arg == "-h" || arg == "-help" || arg == "--help"
}

// command is one command and, while it runs, what it works with.
type command struct {
	name    string // one word or two, such as "keyset create"
	usage   string
	example string
	run     func(context.Context, *command) error

	args           []string
	flags          *flag.FlagSet
	stdout, stderr io.Writer
	allowPlaintext bool // of PostgreSQL connections
}

func commands() []*command {
	return []*command{
		{name: "keyset create", run: keysetCreate, usage: createUsage, example: "datadogoauthctl keyset create --out tokens.keyset.json"},
		{name: "keyset list", run: keysetList, usage: listUsage, example: "datadogoauthctl keyset list --keyset tokens.keyset.json"},
		{name: "keyset add", run: keysetAdd, usage: addUsage, example: "datadogoauthctl keyset add --keyset tokens.keyset.json"},
		{name: "keyset promote", run: keysetPromote, usage: promoteUsage, example: "datadogoauthctl keyset promote --keyset tokens.keyset.json --id 123456789"},
		{name: "keyset retire", run: keysetRetire, usage: retireUsage, example: "datadogoauthctl keyset retire --keyset tokens.keyset.json --id 123456789 --store grants.db"},
		{name: "store backup", run: storeBackup, usage: backupUsage, example: "datadogoauthctl store backup --store grants.db --out grants.archive"},
		{name: "store restore", run: storeRestore, usage: restoreUsage, example: "datadogoauthctl store restore --from grants.archive --store new.db --tokens-keyset tokens.keyset.json --keys-keyset keys.keyset.json"},
		{name: "store verify", run: storeVerify, usage: verifyUsage, example: "datadogoauthctl store verify --store grants.db --tokens-keyset tokens.keyset.json --keys-keyset keys.keyset.json"},
		{name: "store copy", run: storeCopy, usage: copyUsage, example: "datadogoauthctl store copy --from-store grants.db --to-postgres-dsn-file dsn --tokens-keyset tokens.keyset.json --keys-keyset keys.keyset.json"},
		{name: "check", run: checkTenant, usage: checkUsage, example: "datadogoauthctl check --admin http://localhost:8445 --token-file admin.token --tenant acme --html report.html"},
		{name: "queue check", run: queueCheck, usage: queueUsage, example: "datadogoauthctl queue check --dir /var/lib/otelcol-datadogoauth/queue"},
	}
}

// named reports whether args begin with the command's name, and what follows.
func (c *command) named(args []string) (rest []string, ok bool) {
	words := strings.Fields(c.name)
	if len(args) < len(words) || !slices.Equal(args[:len(words)], words) {
		return nil, false
	}
	return args[len(words):], true
}

// parse reads the flags, which the caller has declared. Nothing but flags is taken.
func (c *command) parse() error {
	if err := c.flags.Parse(c.args); err != nil {
		return c.misused("%w", err)
	}
	if c.flags.NArg() > 0 {
		return c.misused("%.100q is not a flag; name flags and nothing else", c.flags.Arg(0))
	}
	return nil
}

// misused is an error in the arguments; its hint is an example.
func (c *command) misused(format string, args ...any) error {
	return c.fault(fmt.Errorf(format, args...), c.example)
}

func (c *command) fault(err error, hint string) error {
	return &Error{Err: fmt.Errorf("%s: %w", c.name, err), Hint: hint}
}

func (c *command) printf(format string, args ...any) error {
	_, err := fmt.Fprintf(c.stdout, format, args...)
	return err
}
