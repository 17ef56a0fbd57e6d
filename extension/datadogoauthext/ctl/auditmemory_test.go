package ctl_test

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/audit"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/seal"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store/pgtest"
)

// A long audit costs time and no memory, whichever way a store goes: 5,000 records here, half a million under DATADOGOAUTH_LONG.
func TestALongAuditIsMovedInLittleMemory(t *testing.T) {
	n := 5_000
	if os.Getenv("DATADOGOAUTH_LONG") != "" {
		n = 500_000
	}
	w := newWorld(t)
	addAudit(t, w, n)
	dsn, archive := w.file("dsn"), w.file("long.archive")
	require.NoError(t, os.WriteFile(dsn, []byte(pgtest.Shared(t).Database(t).Writer), 0o600))
	for _, step := range []struct {
		args []string
		says string
	}{
		{with(w.keysets(), "store", "verify", "--store", w.StorePath()), "every record opens"},
		{[]string{"store", "backup", "--store", w.StorePath(), "--out", archive}, "wrote"},
		{with(w.keysets(), "store", "verify", "--archive", archive), "every record opens"},
		{with(w.keysets(), "store", "restore", "--from", archive, "--store", w.file("restored.db")), "restored"},
		{with(w.keysets(), "store", "copy", "--from-store", w.StorePath(), "--to-postgres-dsn-file", dsn), "exactly"},
		{with(w.keysets(), "store", "verify", "--postgres-dsn-file", dsn), "every record opens"},
	} {
		before, began := heap(), time.Now()
		peak, stop := watchHeap()
		out := run(t, step.args...)
		stop()
		require.Contains(t, out, step.says)
		t.Logf("%s: %s, %d MB of heap", strings.Join(step.args[:2], " "), time.Since(began).Round(time.Millisecond), (*peak-min(before, *peak))>>20)
		require.Less(t, *peak, before+160<<20, "%v", step.args)
		if step.args[1] == "verify" {
			require.Contains(t, out, fmt.Sprint(auditOf(t, w)+2*n)+" audit")
		}
	}
	restored := 0
	st, err := store.OpenBolt(w.file("restored.db"), store.BoltOptions{ReadOnly: true})
	require.NoError(t, err)
	defer st.Close()
	require.NoError(t, st.List(t.Context(), store.KindAudit, func(store.Record) error { restored++; return nil }))
	require.Equal(t, auditOf(t, w)+2*n+2, restored, "the restore has one too")
}

// auditOf is how many audit records the world made by itself.
func auditOf(t *testing.T, w world) (n int) {
	t.Helper()
	st, err := store.OpenBolt(w.StorePath(), store.BoltOptions{ReadOnly: true})
	require.NoError(t, err)
	defer st.Close()
	require.NoError(t, st.Range(t.Context(), store.KindAudit, store.Range{KeysOnly: true}, func(r store.Record) error {
		if !strings.Contains(r.Key, audit.Tenant("one of many")) {
			n++
		}
		return nil
	}))
	return n
}

// addAudit adds n records, as the collector does, to a store file that nobody uses.
func addAudit(t *testing.T, w world, n int) {
	t.Helper()
	tokens, _ := w.load()
	st, err := store.OpenBolt(w.StorePath(), store.BoltOptions{})
	require.NoError(t, err)
	defer st.Close()
	var batch []store.Record
	add := func(key string, rec any) {
		plain, err := json.Marshal(rec)
		require.NoError(t, err)
		value, err := tokens.Seal(seal.Label{Kind: string(store.KindAudit), Key: key, Version: 1}, plain)
		require.NoError(t, err)
		batch = append(batch, store.Record{Kind: store.KindAudit, Key: key, Version: 1, Value: value})
	}
	at := time.Now().Add(-time.Duration(n) * time.Second)
	for i := range n {
		id := audit.NewID(at.Add(time.Duration(i)*time.Second), audit.Tenant("one of many"), audit.Lasting)
		add(audit.Key(id), audit.Record{
			ID: id, At: at, Actor: audit.Actor{Kind: "operator", Name: "ops", Via: "api"}, What: "grant paused", Tenant: "one of many", Client: "main", Site: "datadoghq.eu",
			OrgID: "aaaa0000-1111-2222-3333-444455556666", Reason: "paused by ops: " + strings.Repeat("because ", 20), Changes: []audit.Change{{Field: "hold", Before: "none", After: "paused"}},
		})
		add(audit.IndexKey(id), map[string]string{"id": id})
		if len(batch) >= 5000 || i == n-1 {
			require.NoError(t, st.Import(t.Context(), batch...))
			batch = batch[:0]
		}
	}
}

func heap() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// watchHeap keeps the highest that the heap was until stop is called.
func watchHeap() (peak *uint64, stop func()) {
	peak = new(uint64)
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ended:
				return
			case <-tick.C:
				*peak = max(*peak, heap())
			}
		}
	}()
	return peak, func() { close(ended); <-done }
}
