package pg

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/freeport"
)

const (
	superuser    = "testbed"
	startTimeout = time.Minute // a cold start on a busy machine
)

// Server is one PostgreSQL. Make it with New; its address stays the same over stops and kills.
type Server struct {
	dir      string
	bin      string
	addr     string
	password string
	owner    owner
	proc     *process // nil while it is down
}

// New makes an empty cluster and leaves it down. Close removes it.
func New(ctx context.Context) (_ *Server, err error) {
	bin, err := findBinaries()
	if err != nil {
		return nil, err
	}
	s := &Server{bin: bin, password: randomText()}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if s.owner, err = findOwner(); err != nil {
		return nil, err
	}
	if s.dir, err = s.owner.makeDir("datadogoauth-pg-"); err != nil {
		return nil, err
	}
	if s.addr, err = freeport.Addr(); err != nil {
		return nil, err
	}
	pwfile := filepath.Join(s.dir, "password")
	if err := s.owner.writeFile(pwfile, s.password+"\n"); err != nil {
		return nil, err
	}
	// Without fsync nothing is lost when a process is killed; only a machine that loses power would notice.
	cmd := s.owner.command(ctx, filepath.Join(bin, "initdb"), "--pgdata", s.data(), "--username", superuser, "--pwfile", pwfile,
		"--auth", "scram-sha-256", "--encoding", "UTF8", "--no-locale", "--no-sync")
	cmd.Dir = s.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	return s, nil
}

// Start brings it up and returns once it answers.
func (s *Server) Start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		err := s.start(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
		// After a kill the backends go one after the other, and until then a new server is refused.
		select {
		case <-ctx.Done():
			return err
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func (s *Server) start(ctx context.Context) error {
	host, port := split(s.addr)
	p, err := s.owner.run(s.dir, filepath.Join(s.bin, "postgres"), syscall.SIGQUIT, "-D", s.data(), "-h", host, "-p", port,
		"-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "max_connections=200", "-c", "log_min_messages=warning")
	if err != nil {
		return err
	}
	for {
		conn, err := pgx.Connect(ctx, s.dsn("postgres"))
		if err == nil {
			s.proc = p
			return conn.Close(ctx)
		}
		select {
		case <-p.done:
			return fmt.Errorf("PostgreSQL ended while it started: %s", p.log.tail())
		case <-ctx.Done():
			p.kill()
			return fmt.Errorf("PostgreSQL does not answer: %w: %s", err, p.log.tail())
		case <-time.After(50 * time.Millisecond): // another process: nothing to wait on but its port
		}
	}
}

// Stop ends it as an operator would who does not wait for clients.
func (s *Server) Stop() error {
	if s.proc == nil {
		return nil
	}
	p := s.proc
	s.proc = nil
	return p.end(syscall.SIGINT)
}

// Kill ends it as the kernel would. What it had acknowledged is there after the next Start.
func (s *Server) Kill() {
	if s.proc != nil {
		s.proc.kill()
		s.proc = nil
	}
}

// Close ends it and removes its files.
func (s *Server) Close() error {
	err := s.Stop()
	if s.dir != "" {
		err = errors.Join(err, os.RemoveAll(s.dir))
	}
	return err
}

// CreateDatabase makes an empty database and returns its DSN, without TLS.
func (s *Server) CreateDatabase(ctx context.Context, name string) (dsn string, err error) {
	conn, err := pgx.Connect(ctx, s.dsn("postgres"))
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()); err != nil {
		return "", fmt.Errorf("create database %s: %w", name, err)
	}
	return s.dsn(name), nil
}

// Addr is where it listens while it is up.
func (s *Server) Addr() string { return s.addr }

// DSN names a database at another address that leads here, such as a Gate's or a Pool's.
func (s *Server) DSN(addr, database string) string {
	return fmt.Sprintf("postgres://%s:%s@%s/%s?sslmode=disable", superuser, s.password, addr, database)
}

func (s *Server) dsn(database string) string { return s.DSN(s.addr, database) }
func (s *Server) data() string               { return filepath.Join(s.dir, "data") }

// findBinaries returns the directory of the newest PostgreSQL that is installed.
func findBinaries() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if len(found) == 0 {
		return "", errors.New("PostgreSQL is not installed: no /usr/lib/postgresql/*/bin/postgres; install the package postgresql")
	}
	return filepath.Dir(slices.MaxFunc(found, func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b) // 9 is older than 15
		}
		return strings.Compare(a, b)
	})), nil
}
