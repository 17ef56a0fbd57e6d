// Command datadogoauthctl looks after the files of the datadogoauth extension; datadogoauthctl --help says how.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/ctl"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := ctl.Run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err == nil {
		return
	}
	fmt.Fprintf(os.Stderr, "datadogoauthctl: %v\n", err)
	if failed := (*ctl.Error)(nil); errors.As(err, &failed) {
		fmt.Fprintf(os.Stderr, "hint: %s\n", failed.Hint)
	}
	os.Exit(1)
}
