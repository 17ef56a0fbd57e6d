package pg

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/freeport"
)

// Pool is a PgBouncer in transaction mode before a Server: a session of a client lasts no longer than a transaction.
type Pool struct {
	dir  string
	addr string
	proc *process
}

// StartPool runs one before every database of a server.
func StartPool(ctx context.Context, s *Server) (_ *Pool, err error) {
	program, err := findPgBouncer()
	if err != nil {
		return nil, err
	}
	p := &Pool{}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.Close())
		}
	}()
	if p.dir, err = s.owner.makeDir("datadogoauth-pool-"); err != nil {
		return nil, err
	}
	if p.addr, err = freeport.Addr(); err != nil {
		return nil, err
	}
	listenHost, listenPort := split(p.addr)
	host, port := split(s.addr)
	users, ini := filepath.Join(p.dir, "users.txt"), filepath.Join(p.dir, "pgbouncer.ini")
	settings := []string{
		"[databases]", fmt.Sprintf("* = host=%s port=%s", host, port),
		"[pgbouncer]", "listen_addr = " + listenHost, "listen_port = " + listenPort, "unix_socket_dir =",
		"auth_type = scram-sha-256", "auth_file = " + users,
		"pool_mode = transaction", "default_pool_size = 10", "max_client_conn = 500", "server_login_retry = 1",
	}
	if err := s.owner.writeFile(users, fmt.Sprintf("%q %q\n", superuser, s.password)); err != nil {
		return nil, err
	}
	if err := s.owner.writeFile(ini, strings.Join(settings, "\n")+"\n"); err != nil {
		return nil, err
	}
	if p.proc, err = s.owner.run(p.dir, program, syscall.SIGKILL, ini); err != nil {
		return nil, err
	}
	return p, p.await(ctx)
}

func (p *Pool) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", p.addr)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-p.proc.done:
			return fmt.Errorf("PgBouncer ended while it started: %s", p.proc.log.tail())
		case <-ctx.Done():
			return fmt.Errorf("PgBouncer does not listen: %w: %s", err, p.proc.log.tail())
		case <-time.After(20 * time.Millisecond): // another process: nothing to wait on but its port
		}
	}
}

// Addr is where it listens.
func (p *Pool) Addr() string { return p.addr }

// Close ends it and removes its files.
func (p *Pool) Close() error {
	var err error
	if p.proc != nil {
		err = p.proc.end(syscall.SIGTERM)
	}
	if p.dir != "" {
		err = errors.Join(err, os.RemoveAll(p.dir))
	}
	return err
}

// findPgBouncer looks where Debian has it too, which is not on everybody's PATH.
func findPgBouncer() (string, error) {
	for _, name := range []string{"pgbouncer", "/usr/sbin/pgbouncer"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("PgBouncer is not installed; install the package pgbouncer")
}
