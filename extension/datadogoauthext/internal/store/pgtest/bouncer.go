package pgtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Bouncer starts a PgBouncer in transaction mode before one database, with two sessions for all of its clients, and returns the
// writer's DSN through it. It ends with the test.
func (d Database) Bouncer(tb testing.TB) (dsn string) {
	tb.Helper()
	path, err := exec.LookPath("pgbouncer")
	if err != nil {
		path = "/usr/sbin/pgbouncer"
	}
	if _, err := os.Stat(path); err != nil {
		tb.Skip("PgBouncer is not installed; install it to see the store behind it")
	}
	port, err := freePort()
	if err != nil {
		tb.Fatal(err)
	}
	config, err := pgx.ParseConfig(d.Writer)
	if err != nil {
		tb.Fatal(err)
	}
	dir := d.cluster.dir
	file := func(ending string) string { return filepath.Join(dir, d.Name+"."+ending) }
	settings := fmt.Sprintf(`[databases]
* = host=127.0.0.1 port=%d
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = scram-sha-256
auth_file = %s
pool_mode = transaction
default_pool_size = 2
max_client_conn = 500
logfile = %s
pidfile = %s
`, d.cluster.port, port, file("users"), file("log"), file("bouncer.pid"))
	for name, content := range map[string]string{
		file("ini"): settings, file("users"): fmt.Sprintf("%q %q\n", config.User, Password),
	} {
		err := os.WriteFile(name, []byte(content), 0o600)
		if err == nil && d.cluster.as.Credential != nil {
			err = os.Chown(name, int(d.cluster.as.Credential.Uid), int(d.cluster.as.Credential.Gid))
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	bouncer := exec.Command(path, "--quiet", file("ini"))
	var said strings.Builder
	bouncer.SysProcAttr, bouncer.Dir, bouncer.Stderr = d.cluster.as, dir, &said
	if err := bouncer.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = bouncer.Process.Kill()
		_ = bouncer.Wait()
		_ = os.Remove(file("bouncer.pid")) // the number may become somebody else's
	})
	dsn = WithPort(d.Writer, port)
	log := func() string {
		text, _ := os.ReadFile(file("log"))
		return string(text)
	}
	if err := awaitSession(dsn, log); err != nil {
		tb.Fatal(err)
	}
	return dsn
}
