// Package haproxy runs a real HAProxy, and speaks to it as its operator does: through the socket of its runtime API.
package haproxy

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Proxy is a running one.
type Proxy struct {
	socket string
	cmd    *exec.Cmd
	done   chan struct{} // closed when it has ended
	log    tail
}

// Start runs one with a configuration file, and waits until it answers at the socket that the file names.
func Start(ctx context.Context, config, socket string) (*Proxy, error) {
	program, err := find()
	if err != nil {
		return nil, err
	}
	p := &Proxy{socket: socket, done: make(chan struct{})}
	p.cmd = exec.Command(program, "-db", "-f", config) // in the foreground
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	endWithParent(p.cmd)
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	go func() {
		_ = p.cmd.Wait() // what it ended with is in its log
		close(p.done)
	}()
	for {
		_, err := p.Do(ctx, "show info")
		if err == nil {
			return p, nil
		}
		select {
		case <-p.done:
			return nil, fmt.Errorf("HAProxy ended while it started:\n%s", p.log.String())
		case <-ctx.Done():
			return nil, errors.Join(err, ctx.Err(), p.Close())
		case <-time.After(20 * time.Millisecond): // another process: nothing to wait on but its socket
		}
	}
}

// find looks where Debian has it too, which is not on everybody's PATH.
func find() (string, error) {
	for _, name := range []string{"haproxy", "/usr/sbin/haproxy"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("HAProxy is not installed; install the package haproxy")
}

// Do gives one command and returns what is answered.
func (p *Proxy) Do(ctx context.Context, command string) (string, error) {
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "unix", p.socket)
	if err != nil {
		return "", fmt.Errorf("HAProxy: %w", err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return "", err
	}
	if _, err := io.WriteString(conn, command+"\n"); err != nil {
		return "", fmt.Errorf("HAProxy: %s: %w", command, err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		return "", fmt.Errorf("HAProxy: %s: %w", command, err)
	}
	return strings.TrimSpace(string(answer)), nil
}

// Server is one server of one backend, as it stands.
type Server struct {
	Backend, Name string
	Status        string // such as UP, DRAIN, DOWN, "UP 1/2"
	Current       int    // requests under way
}

// Servers are all of them.
func (p *Proxy) Servers(ctx context.Context) ([]Server, error) {
	answer, err := p.Do(ctx, "show stat -1 4 -1") // of all backends, servers alone
	if err != nil {
		return nil, err
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(answer, "# "))).ReadAll()
	if err != nil || len(rows) == 0 {
		return nil, fmt.Errorf("HAProxy: show stat: %w: %.200q", err, answer)
	}
	at := func(row []string, column string) string {
		if i := slices.Index(rows[0], column); i >= 0 && i < len(row) {
			return row[i]
		}
		return ""
	}
	var all []Server
	for _, row := range rows[1:] {
		current, err := strconv.Atoi(at(row, "scur"))
		if err != nil {
			return nil, fmt.Errorf("HAProxy: show stat: %w", err)
		}
		all = append(all, Server{at(row, "pxname"), at(row, "svname"), at(row, "status"), current})
	}
	return all, nil
}

// Set changes a server in every backend that has it: "state drain", "state ready", "weight 25%".
func (p *Proxy) Set(ctx context.Context, name, what string) error {
	servers, err := p.Servers(ctx)
	if err != nil {
		return err
	}
	found := false
	for _, s := range servers {
		if s.Name != name {
			continue
		}
		found = true
		command := fmt.Sprintf("set server %s/%s %s", s.Backend, s.Name, what)
		if answer, err := p.Do(ctx, command); err != nil || answer != "" {
			return errors.Join(err, fmt.Errorf("HAProxy: %s: %q", command, answer))
		}
	}
	if !found {
		return fmt.Errorf("HAProxy has no server %q", name)
	}
	return nil
}

// Await waits until a server is so in every backend that has it.
func (p *Proxy) Await(ctx context.Context, name string, so func(Server) bool) error {
	for {
		servers, err := p.Servers(ctx)
		servers = slices.DeleteFunc(servers, func(s Server) bool { return s.Name != name })
		if err == nil && len(servers) > 0 && !slices.ContainsFunc(servers, func(s Server) bool { return !so(s) }) {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, fmt.Errorf("HAProxy has %+v: %w", servers, ctx.Err()))
		case <-p.done:
			return fmt.Errorf("HAProxy ended:\n%s", p.log.String())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Up says that a server gets what is new to it.
func Up(s Server) bool { return s.Status == "UP" }

// Idle says that a server has nothing under way.
func Idle(s Server) bool { return s.Current == 0 }

// Log is the last of what it wrote.
func (p *Proxy) Log() string { return p.log.String() }

// Close ends it.
func (p *Proxy) Close() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
		return nil
	case <-time.After(10 * time.Second):
		_ = p.cmd.Process.Signal(os.Kill)
		<-p.done
		return errors.New("HAProxy did not end within 10 s of SIGTERM")
	}
}

// tail keeps the last of what a process writes.
type tail struct {
	mu  sync.Mutex
	buf []byte // guarded by mu
}

const maxTailBytes = 16 << 10

func (l *tail) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf = append(l.buf, p...)
	l.buf = l.buf[max(0, len(l.buf)-maxTailBytes):]
	return len(p), nil
}

func (l *tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.TrimSpace(string(l.buf))
}
