package world

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Collector is a running otelcol-datadogoauth.
type Collector struct {
	cmd     *exec.Cmd
	log     *Log
	done    chan struct{}
	err     error // why it ended; set before done is closed
	killed  atomic.Bool
	running atomic.Int64 // when it said that it runs, Unix nanoseconds; 0 before
}

// startCollector runs the binary with a config file. Its output goes to a Log, never to the terminal.
func startCollector(binary, config string, args, env []string, log *Log) (*Collector, error) {
	cmd := exec.Command(binary, append([]string{"--config", config}, args...)...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = dieWithParent()
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w; `make build` makes it", binary, err)
	}
	c := &Collector{cmd: cmd, log: log, done: make(chan struct{})}
	go func() {
		c.err = cmd.Wait()
		close(c.done)
	}()
	return c, nil
}

// Stop ends the collector as an operator would, and kills it when it has not ended after 30 seconds. One that was killed has ended
// already, and that is no error.
func (c *Collector) Stop() error {
	if running := c.running.Load(); running > 0 {
		time.Sleep(time.Until(time.Unix(0, running).Add(ListensForSignals)))
	}
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	_ = c.cmd.Process.Signal(syscall.SIGCONT) // a frozen one would never know
	select {
	case <-c.done:
		if c.killed.Load() {
			return nil
		}
		return c.err
	case <-time.After(30 * time.Second):
		_ = c.cmd.Process.Kill()
		<-c.done
		return errors.New("the collector did not end within 30 s of SIGTERM")
	}
}

// ListensForSignals is how long after its word that it runs the collector begins to, at the latest: a SIGTERM before ends it at once.
const ListensForSignals = 250 * time.Millisecond

// Kill ends the collector as a crash would.
func (c *Collector) Kill() {
	c.killed.Store(true)
	_ = c.cmd.Process.Kill()
	<-c.done
}

// Freeze stops the process where it is, as a machine does that is out of memory or migrated.
func (c *Collector) Freeze() error { return c.cmd.Process.Signal(syscall.SIGSTOP) }

// Thaw lets it go on.
func (c *Collector) Thaw() error { return c.cmd.Process.Signal(syscall.SIGCONT) }

// Done is closed when the collector has ended, for whatever reason.
func (c *Collector) Done() <-chan struct{} { return c.done }

// PID is the collector's process id.
func (c *Collector) PID() int { return c.cmd.Process.Pid }

// Log keeps what a process writes, up to 64 MiB.
type Log struct {
	mu  sync.Mutex
	buf []byte // guarded by mu
}

const maxLogBytes = 64 << 20

func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.buf)+len(p) <= maxLogBytes {
		l.buf = append(l.buf, p...)
	}
	return len(p), nil
}

// String is everything written until now.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.buf)
}

// Tail is the last n lines, each cut to what fits a terminal.
func (l *Log) Tail(n int) string {
	const maxLine = 400
	lines := strings.Split(strings.TrimSpace(l.String()), "\n")
	lines = lines[max(0, len(lines)-n):]
	for i, line := range lines {
		if len(line) > maxLine {
			lines[i] = line[:maxLine] + "…"
		}
	}
	return strings.Join(lines, "\n")
}

var _ io.Writer = (*Log)(nil)
