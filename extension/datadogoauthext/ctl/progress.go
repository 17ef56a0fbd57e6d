package ctl

import (
	"fmt"
	"sync"
	"time"
)

// quietFor is how long work may take before it is mentioned, and how often it is mentioned from then on.
const quietFor = 2 * time.Second

// working says on stderr that something is still under way. The caller calls done when it is over, and writes to stderr only then.
func (c *command) working(what string) (done func()) {
	stop := make(chan struct{})
	var said sync.WaitGroup
	begun := time.Now()
	said.Go(func() {
		ticks := time.NewTicker(quietFor)
		defer ticks.Stop()
		for {
			select {
			case <-stop:
				return
			case <-ticks.C:
				fmt.Fprintf(c.stderr, "datadogoauthctl: %s, for %s\n", what, time.Since(begun).Round(time.Second))
			}
		}
	})
	return func() {
		close(stop)
		said.Wait()
	}
}
