package pgtest

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Database is an empty database with the roles that the documentation tells an administrator to make. It is dropped with the test.
type Database struct {
	Name    string
	Writer  string // DSN of the role that owns the database
	Sender  string // DSN of a role without any right yet; see GrantSender
	Admin   string // DSN of the superuser
	sender  string
	cluster *Cluster
}

// Database makes one.
func (c *Cluster) Database(tb testing.TB) Database {
	tb.Helper()
	name := fmt.Sprintf("store%d", c.databases.Add(1))
	writer, sender := name+"_writer", name+"_sender"
	admin := c.dsn(superuser, "postgres")
	Exec(tb, admin, fmt.Sprintf(`CREATE ROLE %s LOGIN PASSWORD '%s'`, writer, Password))
	Exec(tb, admin, fmt.Sprintf(`CREATE ROLE %s LOGIN PASSWORD '%s'`, sender, Password))
	Exec(tb, admin, fmt.Sprintf(`CREATE DATABASE %s OWNER %s`, name, writer))
	tb.Cleanup(func() {
		conn, err := pgx.Connect(context.Background(), admin)
		if err != nil {
			return // the test has stopped its cluster
		}
		defer conn.Close(context.Background())
		_, _ = conn.Exec(context.Background(), fmt.Sprintf(`DROP DATABASE %s WITH (FORCE)`, name))
	})
	return Database{
		Name: name, Writer: c.dsn(writer, name), Sender: c.dsn(sender, name), Admin: c.dsn(superuser, name), sender: sender, cluster: c,
	}
}

// GrantSender gives the sender's role what the documentation says it needs. The tables must be there.
func (d Database) GrantSender(tb testing.TB) {
	tb.Helper()
	Exec(tb, d.Admin, fmt.Sprintf(`GRANT USAGE ON SCHEMA datadogoauth TO %s`, d.sender))
	Exec(tb, d.Admin, fmt.Sprintf(`GRANT SELECT ON datadogoauth.migrations, datadogoauth.commits, datadogoauth.records, datadogoauth.deletions TO %s`, d.sender))
}

// Exec runs one statement in a session of its own.
func Exec(tb testing.TB, dsn, statement string, args ...any) {
	tb.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		tb.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, statement, args...); err != nil {
		tb.Fatalf("%s: %v", statement, err)
	}
}
