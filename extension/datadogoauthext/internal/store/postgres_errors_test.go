package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store/pgtest"
)

func TestAWrongPasswordIsNamedAndNotShown(t *testing.T) {
	t.Parallel()
	database := pgtest.Shared(t).Database(t)
	const wrong = "open-sesame-of-nobody"
	st := openPostgres(t, store.PostgresOptions{DSN: strings.Replace(database.Writer, pgtest.Password, wrong, 1)})
	_, err := st.Get(t.Context(), store.KindGrant, "acme")
	if !errors.Is(err, store.ErrUnreachable) || !strings.Contains(err.Error(), "ALTER ROLE") || !strings.Contains(err.Error(), database.Name) {
		t.Errorf("got %v, want ErrUnreachable with advice", err)
	}
	if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), wrong) {
		t.Errorf("the password is in %v", err)
	}
}

// A trigger of the database raises what a full disk, a failover or a crowd would.
func TestWhatTheServerRefusesIsNamed(t *testing.T) {
	t.Parallel()
	for code, c := range map[string]struct {
		is     error
		advice string
	}{
		"53100": {store.ErrFull, "make room"},
		"57P01": {store.ErrUnreachable, "unknown"},
		"25006": {store.ErrUnreachable, "target_session_attrs"},
		"40001": {store.ErrUnreachable, "nothing was changed"},
		"40P01": {store.ErrUnreachable, "nothing was changed"},
		"42501": {nil, "own the schema"},
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			database := pgtest.Shared(t).Database(t)
			st := openPostgres(t, store.PostgresOptions{DSN: database.Writer})
			if err := st.Apply(t.Context(), change("before", 0, nil)); err != nil {
				t.Fatal(err)
			}
			pgtest.Exec(t, database.Admin, fmt.Sprintf(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
				AS $$ BEGIN RAISE EXCEPTION 'refused for the test' USING ERRCODE = '%s'; END $$`, code))
			pgtest.Exec(t, database.Admin, `CREATE TRIGGER refuse BEFORE INSERT ON datadogoauth.records FOR EACH ROW EXECUTE FUNCTION refuse()`)
			err := st.Apply(t.Context(), change("acme", 0, nil))
			if err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.advice) || !strings.Contains(err.Error(), code) {
				t.Errorf("got %v, want %v with %q", err, c.is, c.advice)
			}
			if _, err := st.Get(t.Context(), store.KindGrant, "acme"); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("afterwards: got %v, want ErrNotFound", err)
			}
			pgtest.Exec(t, database.Admin, `DROP TRIGGER refuse ON datadogoauth.records`)
			if err := st.Apply(t.Context(), change("acme", 0, nil)); err != nil {
				t.Errorf("once it was cured: %v", err)
			}
		})
	}
}

// Somebody's session keeps the lock of all writers: writes end in an error after a while, on the server too, and reads go on.
func TestAWriterThatHoldsTheOthersUpIsNotWaitedForForEver(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	database := pgtest.Shared(t).Database(t)
	st := openPostgres(t, store.PostgresOptions{DSN: database.Writer})
	if err := st.Apply(ctx, change("before", 0, nil)); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(ctx, database.Admin)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	tx, err := conn.Begin(ctx)
	if err == nil {
		_, err = tx.Exec(ctx, `UPDATE datadogoauth.feed SET position = position`)
	}
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	err = st.Apply(ctx, change("acme", 0, nil))
	if !errors.Is(err, store.ErrUnreachable) || !strings.Contains(err.Error(), "pg_stat_activity") || !strings.Contains(err.Error(), "nothing was changed") {
		t.Errorf("got %v, want ErrUnreachable with advice", err)
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
	if _, err := st.Get(ctx, store.KindGrant, "before"); err != nil {
		t.Errorf("a read meanwhile: %v", err)
	}
	if err := tx.Rollback(ctx); err != nil {
		t.Fatal(err)
	}
	if err := st.Apply(ctx, change("acme", 0, nil)); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestANewerSchemaIsLeftAlone(t *testing.T) {
	t.Parallel()
	database := pgtest.Shared(t).Database(t)
	st := openPostgres(t, store.PostgresOptions{DSN: database.Writer})
	if err := st.Apply(t.Context(), change("acme", 0, nil)); err != nil {
		t.Fatal(err)
	}
	pgtest.Exec(t, database.Admin, `INSERT INTO datadogoauth.migrations VALUES (99, now())`)
	for _, readOnly := range []bool{false, true} {
		again := openPostgres(t, store.PostgresOptions{DSN: database.Writer, ReadOnly: readOnly})
		if _, err := again.Get(t.Context(), store.KindGrant, "acme"); !errors.Is(err, store.ErrNewerSchema) || !strings.Contains(err.Error(), "99") {
			t.Errorf("got %v, want ErrNewerSchema", err)
		}
	}
}
