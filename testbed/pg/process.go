package pg

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

const endTimeout = 20 * time.Second

// process is a child that ends with this process.
type process struct {
	cmd  *exec.Cmd
	log  *tailLog
	done chan struct{} // closed when it has ended
}

// run starts a program whose output is kept for errors. dies is the signal that it gets when this process is gone.
func (o owner) run(dir, program string, dies syscall.Signal, args ...string) (*process, error) {
	cmd := o.command(context.Background(), program, args...)
	p := &process{cmd: cmd, log: &tailLog{}, done: make(chan struct{})}
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, p.log, p.log
	setDeathSignal(cmd, dies)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	go func() {
		_ = cmd.Wait() // why it ended is in its log
		close(p.done)
	}()
	return p, nil
}

// end asks it to end, and kills it when it does not.
func (p *process) end(signal syscall.Signal) error {
	_ = p.cmd.Process.Signal(signal)
	select {
	case <-p.done:
		return nil
	case <-time.After(endTimeout):
		p.kill()
		return fmt.Errorf("%s did not end within %s of %s: %s", p.cmd.Path, endTimeout, signal, p.log.tail())
	}
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// tailLog keeps the last of what a process writes.
type tailLog struct {
	mu  sync.Mutex
	buf []byte // guarded by mu
}

const maxTailBytes = 16 << 10

func (l *tailLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf = append(l.buf, p...)
	l.buf = l.buf[max(0, len(l.buf)-maxTailBytes):]
	return len(p), nil
}

func (l *tailLog) tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	const shown = 1000
	return strings.TrimSpace(string(l.buf[max(0, len(l.buf)-shown):]))
}

func split(addr string) (host, port string) {
	host, port, _ = net.SplitHostPort(addr) // it is one of freeport's
	return host, port
}

func randomText() string { return rand.Text() }

func (o owner) writeFile(path, content string) error {
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		return err
	}
	return o.own(path)
}
