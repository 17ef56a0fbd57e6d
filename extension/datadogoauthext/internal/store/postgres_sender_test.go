package store_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store/pgtest"
)

func TestASenderReadsWhatSendingNeedsAndWritesNothing(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	database := pgtest.Shared(t).Database(t)
	early := openPostgres(t, store.PostgresOptions{DSN: database.Writer, ReadOnly: true})
	if _, err := early.Get(ctx, store.KindGrant, "acme"); !errors.Is(err, store.ErrUnreachable) || !strings.Contains(err.Error(), "flow is enabled") {
		t.Errorf("before there are tables: got %v, want ErrUnreachable with advice", err)
	}
	writer := openPostgres(t, store.PostgresOptions{DSN: database.Writer})
	if err := writer.Apply(ctx, change("acme", 0, []byte("grant"))); err != nil {
		t.Fatal(err)
	}
	if _, err := early.Get(ctx, store.KindGrant, "acme"); err != nil {
		t.Errorf("once there are tables: %v", err)
	}

	sender := openPostgres(t, store.PostgresOptions{DSN: database.Sender, ReadOnly: true})
	if _, err := sender.Get(ctx, store.KindGrant, "acme"); err == nil || !strings.Contains(err.Error(), "USAGE") {
		t.Errorf("without rights: got %v, want advice", err)
	}
	database.GrantSender(t)
	at, err := sender.Cursor(ctx)
	if err != nil {
		t.Fatal(err)
	}
	token := store.Change{Record: store.Record{Kind: store.KindToken, Key: "acme", Value: []byte("token")}}
	audit := store.Change{Record: store.Record{Kind: store.KindAudit, Key: "t/1", Value: []byte("who did what")}}
	if err := writer.Apply(ctx, token, audit, change("acme", 1, []byte("changed"))); err != nil {
		t.Fatal(err)
	}
	if got, err := sender.Get(ctx, store.KindGrant, "acme"); err != nil || string(got.Value) != "changed" {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := sender.Get(ctx, store.KindToken, "acme"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a token: got %v, want ErrNotFound", err)
	}
	err = sender.Range(ctx, store.KindAudit, store.Range{Back: true}, func(r store.Record) error {
		t.Errorf("was shown the audit: %s", r.Key)
		return nil
	})
	if _, getErr := sender.Get(ctx, store.KindAudit, "t/1"); err != nil || !errors.Is(getErr, store.ErrNotFound) {
		t.Errorf("of the audit got %v, %v; want nothing", err, getErr)
	}
	told := 0
	_, err = sender.Changes(ctx, at, nil, func(r store.Record) error {
		told++
		if r.Kind != store.KindGrant {
			t.Errorf("was told of a %s record", r.Kind)
		}
		return nil
	})
	if err != nil || told != 1 {
		t.Errorf("was told of %d changes, %v; want that of the grant", told, err)
	}

	_, leaseErr := sender.Lease(ctx, "mint/org", time.Minute)
	for name, err := range map[string]error{
		"apply": sender.Apply(ctx, change("globex", 0, nil)), "lease": leaseErr,
		"import": sender.Import(ctx, store.Record{Kind: store.KindGrant, Key: "globex", Version: 1}),
	} {
		if err == nil || !strings.Contains(err.Error(), "read-only") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	cunning := openPostgres(t, store.PostgresOptions{DSN: database.Sender}) // the same role, in a collector that would write
	if err := cunning.Apply(ctx, change("globex", 0, nil)); err == nil || !strings.Contains(err.Error(), "42501") {
		t.Errorf("the database let the sender's role write: %v", err)
	}
}
