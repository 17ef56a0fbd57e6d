package store_test

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store/pgtest"
)

func TestAConnectionStringThatCannotBeUsedIsNotShown(t *testing.T) {
	t.Parallel()
	const secret = pgtest.Password
	for name, dsn := range map[string]string{
		"a port that is none":                 "postgres://grants:" + secret + "@db:port/grants",
		"an unknown mode":                     "host=db password=" + secret + " sslmode=sometimes",
		"a password with a slash":             "postgres://grants:" + secret + "/x@db:5432/grants",
		"a password with digits and a slash":  "postgres://grants:42/" + secret + "@db:5432/grants?sslmode=verify-full",
		"a password that begins with a slash": "postgresql://grants:/" + secret + "@db:5432/grants?sslmode=verify-full",
		"a password with a slash and a hash":  "postgres://grants:42/" + secret + "#x@db:5432/grants?sslmode=verify-full",
		"a password with a slash and a query": "postgres://grants:42/" + secret + "?sslmode=verify-full&x@db:5432/grants",
		"a quote that does not end":           "host=db password='" + secret,
		"a certificate that is not there":     "host=db password=" + secret + " sslmode=verify-full sslrootcert=/nowhere/root.pem",
		"nothing":                             "",
		"not encrypted":                       "postgres://grants:" + secret + "@db.example.com/grants?sslmode=disable",
		"encrypted if the other side likes":   "postgres://grants:" + secret + "@db.example.com/grants",
	} {
		_, err := store.OpenPostgres(store.PostgresOptions{DSN: dsn})
		if err == nil || strings.Contains(err.Error(), secret) || strings.Contains(fmt.Sprintf("%+v %#v", err, err), secret) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	opts := store.PostgresOptions{DSN: "host=localhost password=" + secret}
	st := openPostgres(t, opts)
	if printed := fmt.Sprintf("%v %+v %#v %s %+v", opts, opts, opts, st, st); strings.Contains(printed, secret) {
		t.Errorf("printed %s", printed)
	}
}

func TestAnotherMachineIsReachedEncrypted(t *testing.T) {
	t.Parallel()
	for dsn, allowed := range map[string]bool{
		"host=db.example.com sslmode=disable":            false,
		"host=db.example.com sslmode=allow":              false,
		"host=db.example.com sslmode=prefer":             false,
		"host=db.example.com":                            false,
		"host=db.example.com sslmode=require":            true,
		"host=db.example.com sslmode=verify-full":        true,
		"host=localhost,db.example.com sslmode=prefer":   false,
		"host=10.0.0.1 sslmode=disable":                  false,
		"host=localhost sslmode=disable":                 true,
		"host=127.0.0.1 sslmode=disable":                 true,
		"host=::1":                                       true,
		"host=/var/run/postgresql":                       true,
		"host=localhost.example.com sslmode=prefer":      false,
		"host=db-1,db-2 sslmode=require":                 true,
		"postgres://u@db.example.com/x?sslmode=prefer":   false,
		"postgres://u@127.0.0.1:6432/x?sslmode=disable":  true,
		"postgres://u%40x:a%2Fb@db/x?sslmode=require":    true,
		"postgres://u@[::1]:5432,b:5432/x?sslmode=allow": false,
	} {
		st, err := store.OpenPostgres(store.PostgresOptions{DSN: dsn})
		if (err == nil) != allowed {
			t.Errorf("%s: got %v", dsn, err)
		}
		if err == nil {
			_ = st.Close()
		} else if !strings.Contains(err.Error(), "sslmode=verify-full") {
			t.Errorf("%s: no advice in %v", dsn, err)
		}
		openPostgres(t, store.PostgresOptions{DSN: dsn, AllowPlaintext: true})
	}
}

func TestADatabaseThatDoesNotAnswerIsUnreachable(t *testing.T) {
	t.Parallel()
	mute, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	for name, address := range map[string]string{"silent": mute.Addr().String(), "refusing": closed.Addr().String()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := openPostgres(t, store.PostgresOptions{DSN: "postgres://grants:" + pgtest.Password + "@" + address + "/grants?sslmode=disable&connect_timeout=1"})
			begun := time.Now()
			_, err := st.Get(t.Context(), store.KindGrant, "acme")
			if !errors.Is(err, store.ErrUnreachable) || !strings.Contains(err.Error(), address) || strings.Contains(err.Error(), pgtest.Password) {
				t.Errorf("got %v, want ErrUnreachable with the place", err)
			}
			if took := time.Since(begun); took > 5*time.Second {
				t.Errorf("it took %s", took)
			}
			if err := st.Apply(t.Context(), change("acme", 0, nil)); !errors.Is(err, store.ErrUnreachable) || strings.Contains(err.Error(), "unknown") {
				t.Errorf("got %v, want ErrUnreachable: nothing was sent", err)
			}
		})
	}
}

func TestSettingsOfOtherPoolsAreNotSentToTheServer(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Shared(t).Database(t).Writer + "&pool_max_conns=2&pool_max_conn_idle_time=5m&default_query_exec_mode=exec&statement_cache_capacity=0&description_cache_capacity=0"
	if err := openPostgres(t, store.PostgresOptions{DSN: dsn}).Apply(t.Context(), change("acme", 0, nil)); err != nil {
		t.Error(err)
	}
}
