//go:build unix

package ctl_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/audit"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/seal"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store/pgtest"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

func TestABackupIsRestoredIntoANewStoreInQuarantine(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	archive, restored := w.file("grants.archive"), w.file("restored.db")
	require.Contains(t, run(t, "store", "backup", "--store", w.StorePath(), "--out", archive), "2 grant")
	info, err := os.Stat(archive)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	require.Contains(t, run(t, with(w.keysets(), "store", "verify", "--archive", archive)...), "every record opens")

	require.Contains(t, run(t, with(w.keysets(), "store", "restore", "--from", archive, "--store", restored)...), "quarantine")
	found := inspection(t, run(t, with(w.keysets(), "store", "verify", "--store", restored, "--json")...))
	require.NotNil(t, found.Quarantine)
	require.WithinDuration(t, time.Now(), found.Quarantine.BackupMade, time.Minute)
	require.Len(t, found.Tenants, 2)
	require.Len(t, found.Orgs, 2)
	require.Empty(t, found.Unreadable)
	require.Empty(t, found.Warnings)
	require.Equal(t, 1, found.Records[store.KindQuarantine])
}

func TestARestoreSaysForWhomDataWillBeSent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.Start()
	require.NoError(t, s.Disconnect(t.Context(), "globex", "", "test"))
	w.stop(s)
	archive := w.file("grants.archive")
	run(t, "store", "backup", "--store", w.StorePath(), "--out", archive)
	stdout := run(t, with(w.keysets(), "store", "restore", "--from", archive, "--store", w.file("restored.db"))...)
	require.Contains(t, stdout, "Data of 1 tenants will be sent")
	require.Contains(t, stdout, "disconnect such tenants before data arrives")
}

// A record that is younger than the restore would count as proved since.
func TestARestoreIsYoungerThanEverythingRestored(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.Start()
	w.Clock.Advance(2 * time.Hour) // the collector's clock is ahead of this machine's
	_, err := w.Connect(s, "initech", site.US1(), granttest.OrgB)
	require.NoError(t, err)
	w.stop(s)
	archive, restored := w.file("grants.archive"), w.file("restored.db")
	run(t, "store", "backup", "--store", w.StorePath(), "--out", archive)
	run(t, with(w.keysets(), "store", "restore", "--from", archive, "--store", restored)...)
	found := inspection(t, run(t, with(w.keysets(), "store", "verify", "--store", restored, "--json")...))
	require.Len(t, found.Tenants, 3)
	for _, tenant := range found.Tenants {
		require.True(t, found.Quarantine.RestoredAt.After(tenant.RefreshedAt), "%s refreshed at %s, restored at %s", tenant.Tenant, tenant.RefreshedAt, found.Quarantine.RestoredAt)
	}
	for _, r := range w.records(restored) {
		if r.Kind == store.KindOrg {
			var org struct{ MintedAt, ValidatedAt time.Time }
			require.NoError(t, json.Unmarshal(bytes.ReplaceAll(w.open(r), []byte("ted_at"), []byte("tedAt")), &org))
			require.True(t, found.Quarantine.RestoredAt.After(org.MintedAt) && found.Quarantine.RestoredAt.After(org.ValidatedAt))
		}
	}
}

func TestABackupFromTheFutureIsNotRestored(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	st, err := store.OpenBolt(w.StorePath(), store.BoltOptions{})
	require.NoError(t, err)
	defer st.Close()
	archive, restored := w.file("grants.archive"), w.file("restored.db")
	require.NoError(t, store.WriteArchive(t.Context(), st, mustCreate(t, archive), time.Now().Add(time.Hour)))
	failed, _ := refused(t, with(w.keysets(), "store", "restore", "--from", archive, "--store", restored)...)
	require.ErrorIs(t, failed, grant.ErrClockBehind)
	require.Contains(t, failed.Hint, "set the clock")
	require.NoFileExists(t, restored)
}

func TestAStoppedQuarantineStaysStoppedInTheNextStore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add(store.KindQuarantine, grant.QuarantineKey, "", `{"restored_at":"2026-01-02T03:04:05Z","spent":3,"stopped":true}`)
	archive, restored := w.file("grants.archive"), w.file("restored.db")
	run(t, "store", "backup", "--store", w.StorePath(), "--out", archive)
	require.Contains(t, run(t, with(w.keysets(), "store", "restore", "--from", archive, "--store", restored)...), "quarantine/end")
	q := inspection(t, run(t, with(w.keysets(), "store", "verify", "--store", restored, "--json")...)).Quarantine
	require.NotNil(t, q)
	require.Equal(t, 3, q.Spent)
	require.True(t, q.Stopped)
	require.WithinDuration(t, time.Now(), q.RestoredAt, time.Minute)
}

func TestWhatIsUnderWayIsNotRestored(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add(store.KindInvitation, "hash", "main", `{"hash":"hash","tenant":"initech","client":"main"}`)
	w.add(store.KindPending, "acme", "main", `{"grant":{"tenant":"acme","org":{"client":"main","site":"datadoghq.eu","id":"another"}}}`)
	archive := w.file("grants.archive")
	run(t, "store", "backup", "--store", w.StorePath(), "--out", archive)
	run(t, with(w.keysets(), "store", "restore", "--from", archive, "--store", w.file("restored.db"))...)
	run(t, with(w.keysets(), "store", "copy", "--from-store", w.StorePath(), "--to-store", w.file("copy.db"))...)
	require.Zero(t, countKinds(w.records(w.file("restored.db")))[store.KindInvitation])
	require.Zero(t, countKinds(w.records(w.file("restored.db")))[store.KindPending], "it may be rejected since")
	require.Equal(t, w.records(w.StorePath()), w.records(w.file("copy.db")), "an exact copy has everything")
}

func TestARestoreThatCannotBeRightWritesNothing(t *testing.T) {
	t.Parallel()
	w, other := newWorld(t), newWorld(t)
	archive, damaged, cut := w.file("grants.archive"), w.file("damaged.archive"), w.file("cut.archive")
	run(t, "store", "backup", "--store", w.StorePath(), "--out", archive)
	raw, err := os.ReadFile(archive)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(cut, raw[:len(raw)-20], 0o600))
	w.edit(func(get func(store.Kind, string) store.Record) []store.Record {
		token := get(store.KindToken, "acme")
		token.Value[len(token.Value)-1] ^= 1
		return []store.Record{token}
	})
	run(t, "store", "backup", "--store", w.StorePath(), "--out", damaged)
	for name, c := range map[string]struct {
		args       []string
		text, hint string
	}{
		"keysets of another store":    {with(other.keysets(), "--from", archive), "another keyset", "belong to this store"},
		"keysets mixed up":            {[]string{"--from", archive, "--tokens-keyset", w.KeysKeyset(), "--keys-keyset", w.TokensKeyset()}, "another keyset", "belong to this store"},
		"the keys keyset missing":     {[]string{"--from", archive, "--tokens-keyset", w.TokensKeyset()}, "--keys-keyset", "store restore"},
		"an archive that was cut":     {with(w.keysets(), "--from", cut), "not a whole archive", "another backup"},
		"something else":              {with(w.keysets(), "--from", w.TokensKeyset()), "not a whole archive", "another backup"},
		"one keyset for both":         {[]string{"--from", archive, "--tokens-keyset", w.KeysKeyset(), "--keys-keyset", w.KeysKeyset(), "--lost-tokens-keyset"}, "the same key", "one keyset for each"},
		"a keyset that is not lost":   {with(w.keysets(), "--from", archive, "--lost-tokens-keyset"), "not lost", "leave out --lost-tokens-keyset"},
		"a record that does not open": {with(w.keysets(), "--from", damaged), "token acme", "--even-unreadable"},
	} {
		t.Run(name, func(t *testing.T) {
			target := filepath.Join(t.TempDir(), "restored.db")
			failed, _ := refused(t, append([]string{"store", "restore", "--store", target}, c.args...)...)
			require.ErrorContains(t, failed, c.text)
			require.Contains(t, failed.Hint, c.hint)
			entries, err := os.ReadDir(filepath.Dir(target))
			require.NoError(t, err)
			require.Empty(t, entries)
		})
	}
	before := w.records(w.StorePath())
	failed, _ := refused(t, with(w.keysets(), "store", "restore", "--from", archive, "--store", w.StorePath())...)
	require.ErrorContains(t, failed, "holds records already")
	require.Equal(t, before, w.records(w.StorePath()))

	run(t, with(w.keysets(), "store", "restore", "--from", damaged, "--store", w.file("rest.db"), "--even-unreadable")...)
	require.Len(t, w.records(w.file("rest.db")), len(before)+3, "all, the mark of the quarantine, and a record of the audit with its index")
}

func TestACopyOfAStoreFileIsExact(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	to := w.file("copy.db")
	require.Contains(t, run(t, with(w.keysets(), "store", "copy", "--from-store", w.StorePath(), "--to-store", to)...), "exactly")
	require.Equal(t, w.records(w.StorePath()), w.records(to))
	failed, _ := refused(t, with(w.keysets(), "store", "copy", "--from-store", w.StorePath(), "--to-store", to)...)
	require.ErrorContains(t, failed, "holds records already")
}

func TestAStoreMovesToPostgreSQLAndBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	dsn, back := w.file("dsn"), w.file("back.db")
	require.NoError(t, os.WriteFile(dsn, []byte(pgtest.Shared(t).Database(t).Writer+"\n"), 0o600))
	require.Contains(t, run(t, with(w.keysets(), "store", "copy", "--from-store", w.StorePath(), "--to-postgres-dsn-file", dsn)...), "exactly")
	failed, _ := refused(t, with(w.keysets(), "store", "copy", "--from-store", w.StorePath(), "--to-postgres-dsn-file", dsn)...)
	require.ErrorContains(t, failed, "holds records already")
	require.Contains(t, run(t, with(w.keysets(), "store", "verify", "--postgres-dsn-file", dsn)...), "every record opens")

	archive := w.file("grants.archive")
	run(t, "store", "backup", "--postgres-dsn-file", dsn, "--out", archive)
	require.Contains(t, run(t, with(w.keysets(), "store", "copy", "--from-postgres-dsn-file", dsn, "--to-store", back)...), "quarantine")
	after := w.records(back)
	i := slices.IndexFunc(after, func(r store.Record) bool { return r.Kind == store.KindQuarantine })
	require.GreaterOrEqual(t, i, 0, "the database may have been in use")
	require.Len(t, movedAs(t, back, w.TokensKeyset()), 1)
	before := w.records(w.StorePath())
	old := func(r store.Record) bool {
		return slices.ContainsFunc(before, func(b store.Record) bool { return b.Kind == r.Kind && b.Key == r.Key })
	}
	require.Equal(t, before, slices.DeleteFunc(after, func(r store.Record) bool { return !old(r) }), "and nothing else")
	require.Len(t, w.records(back), len(before)+3)

	require.NoError(t, os.WriteFile(dsn, []byte(pgtest.Shared(t).Database(t).Writer), 0o600))
	require.Contains(t, run(t, with(w.keysets(), "store", "restore", "--from", archive, "--postgres-dsn-file", dsn)...), "quarantine")
	found := inspection(t, run(t, with(w.keysets(), "store", "verify", "--json", "--postgres-dsn-file", dsn)...))
	require.NotNil(t, found.Quarantine)
	require.Len(t, found.Tenants, 2)
}

func TestRootMakesAStoreForTheUserOfItsDirectory(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file away")
	}
	w := newWorld(t)
	dir := w.file("collector")
	require.NoError(t, os.Mkdir(dir, 0o700))
	require.NoError(t, os.Chown(dir, 65534, 65534))
	to := filepath.Join(dir, "grants.db")
	run(t, with(w.keysets(), "store", "copy", "--from-store", w.StorePath(), "--to-store", to)...)
	info, err := os.Stat(to)
	require.NoError(t, err)
	require.Equal(t, uint32(65534), info.Sys().(*syscall.Stat_t).Uid)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

// movedAs is the record by which the audit of a new store says where it comes from.
func movedAs(t *testing.T, path, tokensFile string) (found []audit.Record) {
	t.Helper()
	tokens, err := seal.Load(tokensFile)
	require.NoError(t, err)
	st, err := store.OpenBolt(path, store.BoltOptions{ReadOnly: true})
	require.NoError(t, err)
	defer st.Close()
	require.NoError(t, st.Range(t.Context(), store.KindAudit, store.Prefix(audit.Prefix(audit.Lasting)), func(raw store.Record) error {
		_, plain, err := tokens.Open(string(raw.Kind), raw.Key, raw.Version, raw.Value)
		require.NoError(t, err)
		var r audit.Record
		require.NoError(t, json.Unmarshal(plain, &r))
		if r.What == "store restored" || r.What == "store copied" {
			found = append(found, r)
			_, err := st.Get(t.Context(), store.KindAudit, audit.IndexKey(r.ID))
			require.NoError(t, err)
		}
		return nil
	}))
	return found
}

func TestTheAuditOfANewStoreSaysWhereItComesFrom(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	archive, restored, copied, fresh := w.file("grants.archive"), w.file("restored.db"), w.file("copy.db"), w.file("new.json")
	run(t, "store", "backup", "--store", w.StorePath(), "--out", archive)
	run(t, with(w.keysets(), "store", "restore", "--from", archive, "--store", restored)...)
	q := inspection(t, run(t, with(w.keysets(), "store", "verify", "--store", restored, "--json")...)).Quarantine
	found := movedAs(t, restored, w.TokensKeyset())
	require.Len(t, found, 1)
	r := found[0]
	require.Equal(t, "store restored", r.What)
	require.Equal(t, "operator", r.Actor.Kind)
	require.NotEmpty(t, r.Actor.Name)
	require.Equal(t, "with datadogoauthctl", r.Reason)
	require.WithinDuration(t, q.RestoredAt, r.At, time.Microsecond)
	require.Equal(t, []string{"from", "restored_at", "backup_made", "records"}, fields(r))
	require.Equal(t, archive, r.Changes[0].After)
	require.Equal(t, q.BackupMade.UTC().Format(time.RFC3339), r.Changes[2].After)
	require.Contains(t, r.Changes[3].After, "2 grant")

	run(t, with(w.keysets(), "store", "copy", "--from-store", w.StorePath(), "--to-store", copied)...)
	require.Empty(t, movedAs(t, copied, w.TokensKeyset()), "an exact copy is the same store")

	run(t, "keyset", "create", "--out", fresh)
	lost := []string{"--tokens-keyset", fresh, "--keys-keyset", w.KeysKeyset(), "--lost-tokens-keyset"}
	copied = w.file("lost.db")
	run(t, with(lost, "store", "copy", "--from-store", w.StorePath(), "--to-store", copied)...)
	found = movedAs(t, copied, fresh)
	require.Len(t, found, 1)
	require.Equal(t, "store copied", found[0].What)
	require.Contains(t, found[0].Reason, "the tokens keyset is lost")
	require.Equal(t, []string{"from", "records"}, fields(found[0]))
}

func fields(r audit.Record) (names []string) {
	for _, c := range r.Changes {
		names = append(names, c.Field)
	}
	return names
}

func TestWithALostTokensKeysetTheKeysGoOnServing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	archive, restored, fresh := w.file("grants.archive"), w.file("restored.db"), w.file("new.json")
	run(t, "store", "backup", "--store", w.StorePath(), "--out", archive)
	run(t, "keyset", "create", "--out", fresh)
	keysets := []string{"--tokens-keyset", fresh, "--keys-keyset", w.KeysKeyset()}
	args := append([]string{"store", "restore", "--from", archive, "--store", restored}, keysets...)
	refused(t, args...)
	run(t, append(args, "--lost-tokens-keyset")...)
	found := inspection(t, run(t, append([]string{"store", "verify", "--json", "--store", restored}, keysets...)...))
	require.Empty(t, found.Unreadable)
	require.Zero(t, found.Records[store.KindToken])
	require.Len(t, found.Orgs, 2)
	for _, org := range found.Orgs {
		require.NotEmpty(t, org.Last4, "the key of %s", org.Org)
	}
	st, err := store.OpenBolt(restored, store.BoltOptions{})
	require.NoError(t, err)
	defer st.Close()
	ks, err := seal.Load(fresh)
	require.NoError(t, err)
	require.NoError(t, seal.Prove(t.Context(), st, "tokens", ks), "a collector starts on it")
}

func countKinds(records []store.Record) map[store.Kind]int {
	counts := map[store.Kind]int{}
	for _, r := range records {
		counts[r.Kind]++
	}
	return counts
}
