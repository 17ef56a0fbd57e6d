package ctl_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/seal"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

func TestAKeysetRotatesAndAKeyInUseIsNotRetired(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old := listed(t, w.TokensKeyset())
	require.Len(t, old, 1)
	retire := []string{"keyset", "retire", "--keyset", w.TokensKeyset(), "--id", id(old[0].ID), "--store", w.StorePath()}

	failed, _ := refused(t, retire...)
	require.ErrorIs(t, failed, seal.ErrPrimary)
	run(t, "keyset", "add", "--keyset", w.TokensKeyset())
	added := listed(t, w.TokensKeyset())
	require.Len(t, added, 2)
	require.True(t, added[0].Primary && !added[1].Primary && added[1].Enabled)
	run(t, "keyset", "promote", "--keyset", w.TokensKeyset(), "--id", id(added[1].ID))

	failed, _ = refused(t, retire...)
	require.Regexp(t, `1 canary, 2 token, \d+ audit records`, failed.Error())
	require.Contains(t, failed.Hint, "promote another key")
	require.Len(t, listed(t, w.TokensKeyset()), 2)

	w.reseal()
	require.Contains(t, run(t, retire...), "take a backup")
	require.Len(t, listed(t, w.TokensKeyset()), 1)
	require.Contains(t, run(t, with(w.keysets(), "store", "verify", "--store", w.StorePath())...), "every record opens")
	w.stop(w.Start()) // a collector starts on it
}

func TestRetireLooksAtTheStoreOfThisKeyset(t *testing.T) {
	t.Parallel()
	w, other := newWorld(t), newWorld(t)
	run(t, "keyset", "add", "--keyset", w.TokensKeyset())
	spare := id(listed(t, w.TokensKeyset())[1].ID)
	retire := []string{"keyset", "retire", "--keyset", w.TokensKeyset(), "--id", spare}
	for name, c := range map[string]struct {
		args []string
		text string
	}{
		"no store":            {nil, "name one store"},
		"two stores":          {[]string{"--store", w.StorePath(), "--postgres-dsn-file", "x"}, "name one store"},
		"a store that is not": {[]string{"--store", w.file("not")}, "no such file"},
		"another store":       {[]string{"--store", other.StorePath()}, "another keyset"},
		"both ways":           {[]string{"--store", w.StorePath(), "--unused-anywhere"}, "not both"},
	} {
		failed, _ := refused(t, append(retire, c.args...)...)
		require.ErrorContains(t, failed, c.text, name)
	}
	require.Len(t, listed(t, w.TokensKeyset()), 2)
	require.NoFileExists(t, w.file("not"))
	run(t, append(retire, "--unused-anywhere")...)
	require.Len(t, listed(t, w.TokensKeyset()), 1)
}

func TestARunningCollectorIsAskedByItsAdminListener(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.Start() // it holds the file
	defer w.stop(s)
	const token = "0123456789abcdef0123456789abcdef"
	collector := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method != http.MethodGet || r.URL.Path != "/v1/store/archive":
			http.NotFound(rw, r)
		case r.Header.Get("Authorization") != "Bearer "+token:
			rw.WriteHeader(http.StatusForbidden)
			_, _ = rw.Write([]byte(`{"detail":"this needs operate"}`))
		default:
			_ = store.WriteArchive(r.Context(), w.Store(), rw, time.Now())
		}
	}))
	defer collector.Close()
	good, bad, ca := w.file("admin.token"), w.file("bad.token"), w.file("ca.pem")
	require.NoError(t, os.WriteFile(good, []byte(token+"\n"), 0o600))
	require.NoError(t, os.WriteFile(bad, []byte("x"+token), 0o600))
	writePEM(t, ca, collector.Certificate())
	asked := []string{"--admin", collector.URL, "--token-file", good, "--ca-file", ca}

	failed, _ := refused(t, "store", "backup", "--store", w.StorePath(), "--out", w.file("a"))
	require.ErrorIs(t, failed, store.ErrLocked)
	require.Contains(t, failed.Hint, "--admin URL")
	require.Contains(t, run(t, with(asked, "store", "backup", "--out", w.file("grants.archive"))...), "2 grant")
	require.Contains(t, run(t, with(append(asked, w.keysets()...), "store", "verify")...), "every record opens")
	run(t, "keyset", "add", "--keyset", w.KeysKeyset())
	run(t, with(asked, "keyset", "retire", "--keyset", w.KeysKeyset(), "--id", id(listed(t, w.KeysKeyset())[1].ID))...)

	for name, c := range map[string]struct {
		args []string
		text string
	}{
		"a token that may not":        {[]string{"--admin", collector.URL, "--token-file", bad, "--ca-file", ca}, "this needs operate"},
		"no token":                    {[]string{"--admin", collector.URL, "--ca-file", ca}, "--token-file"},
		"a listener of somebody else": {[]string{"--admin", collector.URL, "--token-file", good}, "certificate"},
		"in clear over a network":     {[]string{"--admin", "http://192.0.2.1:8444", "--token-file", good}, "in clear"},
		"no URL":                      {[]string{"--admin", "127.0.0.1:8444", "--token-file", good}, "URL of the admin listener"},
		"a password in the URL":       {[]string{"--admin", "https://a:b@127.0.0.1:8444", "--token-file", good}, "URL of the admin listener"},
		"no collector":                {[]string{"--admin", collector.URL + "/elsewhere", "--token-file", good, "--ca-file", ca}, "404"},
	} {
		failed, _ := refused(t, with(c.args, "store", "backup", "--out", w.file("b"))...)
		require.ErrorContains(t, failed, c.text, name)
		require.NotContains(t, failed.Error()+failed.Hint, token, name)
	}
	entries, err := filepath.Glob(filepath.Join(w.Dir, "*b*"))
	require.NoError(t, err)
	require.NotContains(t, entries, w.file("b"))
}

func TestABackupThatIsCutShortIsNotKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	collector := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		_, _ = rw.Write([]byte(`{"archive":"datadogoauth","format":1,"made":"2026-01-02T03:04:05Z","kinds":["grant"]}` + "\n"))
	}))
	defer collector.Close()
	require.NoError(t, os.WriteFile(w.file("token"), []byte("0123456789abcdef0123456789abcdef"), 0o600))
	before, _ := os.ReadDir(w.Dir)
	failed, _ := refused(t, "store", "backup", "--out", w.file("cut.archive"), "--admin", collector.URL, "--token-file", w.file("token"))
	require.ErrorIs(t, failed, store.ErrArchive)
	after, _ := os.ReadDir(w.Dir)
	require.Len(t, after, len(before))
}

func listed(t *testing.T, file string) (keys []seal.KeyInfo) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(run(t, "keyset", "list", "--json", "--keyset", file)), &keys))
	return keys
}

func id(n uint32) string { return strconv.FormatUint(uint64(n), 10) }

// reseal does what a running collector does once its keyset file changed.
func (w world) reseal() {
	w.TB.Helper()
	tokens, keys := w.load()
	st, err := store.OpenBolt(w.StorePath(), store.BoltOptions{})
	require.NoError(w.TB, err)
	defer st.Close()
	_, unreadable, err := seal.ResealAll(w.TB.Context(), st, grant.KeysetOf(tokens, keys), nil)
	require.NoError(w.TB, err)
	require.Zero(w.TB, unreadable)
}
