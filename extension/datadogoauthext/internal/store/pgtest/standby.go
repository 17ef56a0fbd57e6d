package pgtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Standby starts a hot standby of a cluster that was made by Start, and returns once the primary acknowledges no commit that the standby
// has not synced as well. It ends with the test. Without pg_basebackup on the machine the test is skipped.
func (c *Cluster) Standby(tb testing.TB) *Cluster {
	tb.Helper()
	if _, err := os.Stat(filepath.Join(c.bin, "pg_basebackup")); err != nil {
		tb.Skip("pg_basebackup is not installed; install it to see the store fail over to a standby")
	}
	standby := &Cluster{bin: c.bin, sync: true, as: c.as}
	if err := standby.copyOf(c); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = standby.stop(syscall.SIGQUIT) })
	if err := standby.run(); err != nil {
		tb.Fatal(err)
	}
	// The standby's own settings stay without it: once promoted it waits for nobody.
	admin := c.dsn(superuser, "postgres")
	Exec(tb, admin, `ALTER SYSTEM SET synchronous_standby_names = '*'`)
	Exec(tb, admin, `SELECT pg_reload_conf()`)
	if err := c.awaitSynchronous(); err != nil {
		tb.Fatalf("%v; the standby's log:\n%s", err, standby.log())
	}
	return standby
}

func (c *Cluster) copyOf(primary *Cluster) (err error) {
	if c.dir, err = os.MkdirTemp("", "pgtest"); err != nil {
		return err
	}
	if c.held, err = takeAwayWithUs(c.dir); err != nil {
		return err
	}
	if c.as.Credential != nil {
		if err := os.Chown(c.dir, int(c.as.Credential.Uid), int(c.as.Credential.Gid)); err != nil {
			return err
		}
	}
	if c.port, err = freePort(); err != nil {
		return err
	}
	backup := exec.Command(filepath.Join(c.bin, "pg_basebackup"), "--dbname", primary.dsn(superuser, ""), "--pgdata", c.data(),
		"--write-recovery-conf", "--checkpoint", "fast", "--no-sync")
	backup.SysProcAttr, backup.Dir = c.as, c.dir
	if out, err := backup.CombinedOutput(); err != nil {
		return fmt.Errorf("pg_basebackup: %w: %s", err, out)
	}
	return nil
}

// awaitSynchronous asks until a standby is synchronous, since the primary tells nobody.
func (c *Cluster) awaitSynchronous() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, c.dsn(superuser, "postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(context.Background())
	for {
		var is bool
		if err := conn.QueryRow(ctx, `SELECT current_setting('synchronous_standby_names') = '*'
			AND EXISTS (SELECT FROM pg_stat_replication WHERE sync_state = 'sync')`).Scan(&is); err != nil {
			return fmt.Errorf("no synchronous standby: %w", err)
		}
		if is {
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("no synchronous standby: %w", ctx.Err())
		}
	}
}

// Vanish ends the server without its knowledge, as a power cut does.
func (c *Cluster) Vanish(tb testing.TB) {
	tb.Helper()
	if err := c.stop(syscall.SIGKILL); err != nil {
		tb.Fatal(err)
	}
	// Its shared memory would outlive the test. A server for one user and no statement, which listens nowhere, takes it away.
	tb.Cleanup(func() {
		single := exec.Command(filepath.Join(c.bin, "postgres"), "--single", "-D", c.data(), "postgres")
		single.SysProcAttr, single.Dir = c.as, c.dir
		_ = single.Run()
	})
}

// Promote makes a primary of a standby, and returns when it takes writes.
func (c *Cluster) Promote(tb testing.TB) {
	tb.Helper()
	// A promotion that does not end in time divides by zero, which fails the test.
	Exec(tb, c.dsn(superuser, "postgres"), `SELECT 1 / pg_promote(true, 60)::int`)
}

// OnEither returns the writer's DSN for whichever of the database's server and its standby takes writes.
func (d Database) OnEither(standby *Cluster) (dsn string) {
	primary := fmt.Sprintf("@127.0.0.1:%d/", d.cluster.port)
	return strings.Replace(d.Writer, primary, fmt.Sprintf("@127.0.0.1:%d,127.0.0.1:%d/", d.cluster.port, standby.port), 1) + "&target_session_attrs=read-write"
}
