// Command standin runs the stand-in for Datadog: a forward proxy for every Datadog host, and a control API.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/program"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin"
)

const usage = `standin plays Datadog for tests: every host of every site, behind one forward proxy.

usage: standin [flags]

  -proxy addr      loopback address of the proxy (default 127.0.0.1:0)
  -control addr    loopback address of the control API (default 127.0.0.1:0)
  -ca-out file     write the certificate to trust there, in PEM
  -stdin-watch     stop when standard input is closed, so that it ends with the program that started it

It prints one JSON line {"proxy_url":…,"control_url":…,"ca_file":…} when it is ready, and stops on SIGINT and SIGTERM.

example: standin -ca-out ca.pem
         curl --proxy http://127.0.0.1:PORT --cacert ca.pem https://api.datadoghq.eu/api/v1/validate
`

func main() {
	program.Main("standin", func(ctx context.Context, args []string, stdout io.Writer) error {
		return run(ctx, args, os.Stdin, stdout)
	})
}

// run serves until ctx ends or, with -stdin-watch, until stdin does.
func run(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) error {
	flags := flag.NewFlagSet("standin", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	proxy := flags.String("proxy", "127.0.0.1:0", "")
	control := flags.String("control", "127.0.0.1:0", "")
	caOut := flags.String("ca-out", "", "")
	watch := flags.Bool("stdin-watch", false, "")
	err := flags.Parse(args)
	if err == nil && flags.NArg() > 0 {
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if err != nil {
		fmt.Fprint(stdout, usage)
		return err
	}
	var server standin.Server
	defer server.Close()
	ready := map[string]string{}
	if *caOut != "" {
		if err := writeCA(*caOut, server.CAPEM()); err != nil {
			return err
		}
		ready["ca_file"] = *caOut
	}
	if err := server.Start(*proxy); err != nil {
		return fmt.Errorf("-proxy %s: %w", *proxy, err)
	}
	if err := server.StartControl(*control); err != nil {
		return fmt.Errorf("-control %s: %w", *control, err)
	}
	ready["proxy_url"], ready["control_url"] = server.ProxyURL().String(), server.ControlURL().String()
	if err := json.NewEncoder(stdout).Encode(ready); err != nil {
		return fmt.Errorf("print the addresses: %w", err)
	}
	ended := make(chan struct{})
	if *watch {
		go func() { // ends with the process when stdin stays open
			io.Copy(io.Discard, stdin)
			close(ended)
		}()
	}
	select {
	case <-ctx.Done():
	case <-ended:
	}
	return server.Close()
}

// writeCA writes beside the file and renames, so that whoever waits for the file reads all of it.
func writeCA(path string, pem []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".ca-*")
	if err != nil {
		return fmt.Errorf("-ca-out %s: %w", path, err)
	}
	_, err = f.Write(pem)
	if err := errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("-ca-out %s: %w", path, err)
	}
	return os.Rename(f.Name(), path)
}
