package program

import (
	"flag"
	"fmt"
	"io"
)

// Binaries are the files that a program works with, which `make build` makes.
type Binaries struct{ Collector, Ctl string }

// Flags are those of a program, -collector and -ctl among them.
type Flags struct {
	*flag.FlagSet
	binaries *Binaries
	verb     string
}

// NewFlags returns those of what `make verb` runs.
func NewFlags(verb string, b *Binaries) *Flags {
	f := &Flags{flag.NewFlagSet(verb, flag.ContinueOnError), b, verb}
	f.SetOutput(io.Discard)
	f.StringVar(&b.Collector, "collector", "", "")
	f.StringVar(&b.Ctl, "ctl", "", "")
	return f
}

// Parse reads args. Both files are needed, and nothing but flags is taken.
func (f *Flags) Parse(args []string) error {
	if err := f.FlagSet.Parse(args); err != nil {
		return err
	}
	if f.binaries.Collector == "" || f.binaries.Ctl == "" || f.NArg() > 0 {
		return fmt.Errorf("-collector and -ctl are needed; `make %s` sets them", f.verb)
	}
	return nil
}
