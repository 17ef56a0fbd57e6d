package program

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// Main runs a program until it ends; SIGINT and SIGTERM end its context. What is wrong goes to standard error, after the program's name.
func Main(name string, run func(ctx context.Context, args []string, stdout io.Writer) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}

// Run calls fn with what args mean. Where they mean nothing it prints the usage.
func Run[O any](ctx context.Context, args []string, stdout io.Writer, usage string, parse func([]string) (O, error), fn func(context.Context, O, io.Writer) error) error {
	o, err := parse(args)
	if err != nil {
		fmt.Fprint(stdout, usage)
		return err
	}
	return fn(ctx, o, stdout)
}
