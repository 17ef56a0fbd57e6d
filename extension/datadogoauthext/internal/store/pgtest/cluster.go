// Package pgtest runs a real PostgreSQL, and a real PgBouncer before it, for tests.
//
// Whatever is started here ends with the test process, however that ends: a shell that holds nothing but a pipe from it takes the
// servers and their directory away once the pipe is closed. Servers refuse to run as root; where the tests do, they run as the user
// "postgres".
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// The role that made the cluster, and its password. The password stands in no text of the product, so that tests can look for it.
const (
	superuser = "postgres"
	Password  = "hunter2-of-the-database"
)

// Cluster is a running PostgreSQL.
type Cluster struct {
	bin  string // directory of the programs
	dir  string
	port int
	sync bool // as in production; a crash of the server loses nothing
	as   *syscall.SysProcAttr
	held io.Closer // the pipe that keeps the server alive; it would close when nothing referred to it any more

	mu        sync.Mutex // guards server
	server    *exec.Cmd
	databases atomic.Int32
}

var shared struct {
	once    sync.Once
	cluster *Cluster
	skip    string
	err     error
}

// Shared returns the cluster that all tests of a binary share. It does not sync, since nothing ends it. Without PostgreSQL on the
// machine the test is skipped.
func Shared(tb testing.TB) *Cluster {
	tb.Helper()
	shared.once.Do(func() { shared.cluster, shared.skip, shared.err = start(false) })
	return usable(tb, shared.cluster, shared.skip, shared.err)
}

// Start returns a cluster of the test's own, which syncs what it commits, and which the test may stop. It ends with the test.
func Start(tb testing.TB) *Cluster {
	tb.Helper()
	cluster, skip, err := start(true)
	usable(tb, cluster, skip, err)
	tb.Cleanup(func() { _ = cluster.stop(syscall.SIGQUIT) })
	return cluster
}

func usable(tb testing.TB, cluster *Cluster, skip string, err error) *Cluster {
	tb.Helper()
	if skip != "" {
		tb.Skip(skip)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return cluster
}

// start says with skip what the machine lacks.
func start(sync bool) (cluster *Cluster, skip string, err error) {
	bins, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if path, err := exec.LookPath("postgres"); err == nil && len(bins) == 0 {
		bins = []string{path}
	}
	if len(bins) == 0 {
		return nil, "PostgreSQL is not installed; install it to see the store in a real database", nil
	}
	slices.Sort(bins)
	c := &Cluster{bin: filepath.Dir(bins[len(bins)-1]), sync: sync}
	if c.as, err = serverUser(); err != nil {
		return nil, "", err
	}
	if c.dir, err = os.MkdirTemp("", "pgtest"); err != nil {
		return nil, "", err
	}
	if c.held, err = takeAwayWithUs(c.dir); err != nil {
		return nil, "", err
	}
	if c.port, err = freePort(); err != nil {
		return nil, "", err
	}
	return c, "", c.initialise()
}

// serverUser is the user that servers run as: nil for the user of the tests.
func serverUser() (*syscall.SysProcAttr, error) {
	if os.Getuid() != 0 {
		return &syscall.SysProcAttr{}, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL does not run as root: %w; run the tests as another user", err)
	}
	uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, errors.Join(uidErr, gidErr)
}

// takeAwayWithUs starts the shell that ends the servers, whose process ids are in files named *.pid, and removes dir, once the pipe is
// closed that it returns. This process, and no child of it, holds that.
func takeAwayWithUs(dir string) (io.Closer, error) {
	shell := exec.Command("/bin/sh", "-c",
		`cd / && read -r _; for f in "$0"/*.pid; do kill -QUIT "$(head -n 1 "$f")" 2>/dev/null; done; sleep 0.5; rm -rf "$0"`, dir)
	shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt from the terminal is not for it
	pipe, err := shell.StdinPipe()
	if err != nil {
		return nil, err
	}
	return pipe, shell.Start()
}

// freePort is one that nobody listens on, below those that systems give to outgoing connections: one of these may be gone by the time
// that the server starts, or while it is restarted.
func freePort() (int, error) {
	for range 1000 {
		port := 10000 + rand.IntN(22768)
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return port, listener.Close()
		}
	}
	return 0, errors.New("no free port on 127.0.0.1 from 10000 to 32767")
}

func (c *Cluster) initialise() error {
	passwordFile := filepath.Join(c.dir, "password")
	err := os.WriteFile(passwordFile, []byte(Password+"\n"), 0o600)
	for _, path := range []string{c.dir, passwordFile} {
		if err == nil && c.as.Credential != nil {
			err = os.Chown(path, int(c.as.Credential.Uid), int(c.as.Credential.Gid))
		}
	}
	if err != nil {
		return err
	}
	initdb := exec.Command(filepath.Join(c.bin, "initdb"), "--pgdata", c.data(), "--username", superuser, "--pwfile", passwordFile,
		"--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync")
	initdb.SysProcAttr, initdb.Dir = c.as, c.dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	return c.run()
}

func (c *Cluster) data() string    { return filepath.Join(c.dir, "data") }
func (c *Cluster) pidFile() string { return filepath.Join(c.dir, "server.pid") }

// run starts the server on the port that it always has, and returns when it takes sessions.
func (c *Cluster) run() error {
	server := exec.Command(filepath.Join(c.bin, "postgres"), "-D", c.data(), "-p", strconv.Itoa(c.port),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="+c.dir, "-c", "max_connections=200",
		"-c", "fsync="+strconv.FormatBool(c.sync), "-c", "recovery_init_sync_method=syncfs",
		"-c", "external_pid_file="+c.pidFile(), "-c", "shared_buffers=16MB", "-c", "log_min_messages=fatal")
	log, err := os.OpenFile(filepath.Join(c.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	server.SysProcAttr, server.Dir, server.Stdout, server.Stderr = c.as, c.dir, log, log
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := server.Start(); err != nil {
		return err
	}
	c.server = server
	return awaitSession(c.dsn(superuser, "postgres"), c.log)
}

// awaitSession connects until it may. Each attempt that is refused waits a little, since a server tells nobody that it is ready.
func awaitSession(dsn string, log func() string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, dsn)
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("no session: %w; its log:\n%s", err, log())
		}
	}
}

func (c *Cluster) log() string {
	text, _ := os.ReadFile(filepath.Join(c.dir, "log"))
	return string(text)
}

// Kill ends the server at once, as a crash does: sessions break, and what was not synced is lost.
func (c *Cluster) Kill(tb testing.TB) {
	tb.Helper()
	if err := c.stop(syscall.SIGQUIT); err != nil {
		tb.Fatal(err)
	}
}

// Run starts the server again.
func (c *Cluster) Run(tb testing.TB) {
	tb.Helper()
	if err := c.run(); err != nil {
		tb.Fatal(err)
	}
}

func (c *Cluster) stop(signal syscall.Signal) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.server == nil {
		return nil
	}
	err := c.server.Process.Signal(signal)
	_ = c.server.Wait() // an immediate stop has a status of its own
	c.server = nil
	_ = os.Remove(c.pidFile()) // the number may become somebody else's
	return err
}

func (c *Cluster) dsn(role, database string) string {
	return dsn(role, database, c.port)
}

func dsn(role, database string, port int) string {
	return fmt.Sprintf("postgres://%s:%s@127.0.0.1:%d/%s?sslmode=disable", role, Password, port, database)
}

// WithPort returns a DSN of this package for another port: that of a proxy, say.
func WithPort(dsn string, port int) string {
	head, tail, _ := strings.Cut(dsn, "@127.0.0.1:")
	_, tail, _ = strings.Cut(tail, "/")
	return fmt.Sprintf("%s@127.0.0.1:%d/%s", head, port, tail)
}
