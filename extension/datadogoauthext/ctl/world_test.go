package ctl_test

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/ctl"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/seal"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// world is a store of two customers, which no collector uses.
type world struct{ *granttest.Fixture }

func newWorld(t *testing.T) world {
	t.Helper()
	f := granttest.NewFixture(t)
	s := f.Start()
	for tenant, org := range map[string]string{"acme": granttest.OrgA, "globex": granttest.OrgB} {
		_, err := f.Connect(s, tenant, site.US1(), org)
		require.NoError(t, err)
	}
	w := world{f}
	w.stop(s)
	return w
}

func (w world) stop(s *grant.Service) { w.Stop(s, w.Store().(*store.Bolt)) }

func (w world) keysets() []string {
	return []string{"--tokens-keyset", w.TokensKeyset(), "--keys-keyset", w.KeysKeyset()}
}

func (w world) file(name string) string { return filepath.Join(w.Dir, name) }

// records reads a store file that nobody uses.
func (w world) records(path string) []store.Record {
	w.TB.Helper()
	st, err := store.OpenBolt(path, store.BoltOptions{})
	require.NoError(w.TB, err)
	defer st.Close()
	var all []store.Record
	require.NoError(w.TB, st.Snapshot(w.TB.Context(), func(r store.Record) error { all = append(all, r); return nil }))
	return all
}

// edit changes records of the store file behind the back of everybody.
func (w world) edit(change func(get func(store.Kind, string) store.Record) []store.Record) {
	w.TB.Helper()
	st, err := store.OpenBolt(w.StorePath(), store.BoltOptions{})
	require.NoError(w.TB, err)
	defer st.Close()
	require.NoError(w.TB, st.Import(w.TB.Context(), change(func(kind store.Kind, key string) store.Record {
		r, err := st.Get(w.TB.Context(), kind, key)
		require.NoError(w.TB, err)
		return r
	})...))
}

// add puts a record of version 1 into the store file.
func (w world) add(kind store.Kind, key, client, text string) {
	w.TB.Helper()
	tokens, keys := w.load()
	sealed, err := grant.KeysetOf(tokens, keys)(kind).Seal(seal.Label{Kind: string(kind), Client: client, Key: key, Version: 1}, []byte(text))
	require.NoError(w.TB, err)
	w.edit(func(func(store.Kind, string) store.Record) []store.Record {
		return []store.Record{{Kind: kind, Key: key, Version: 1, Value: sealed}}
	})
}

func run(t testing.TB, args ...string) string {
	t.Helper()
	var stdout bytes.Buffer
	require.NoError(t, ctl.Run(t.Context(), args, &stdout, io.Discard))
	return stdout.String()
}

func refused(t testing.TB, args ...string) (*ctl.Error, string) {
	t.Helper()
	var stdout bytes.Buffer
	err := ctl.Run(t.Context(), args, &stdout, io.Discard)
	var failed *ctl.Error
	require.ErrorAs(t, err, &failed)
	require.NotEmpty(t, failed.Hint)
	return failed, stdout.String()
}

// with puts flags behind a command.
func with(flags []string, command ...string) []string { return append(command, flags...) }

func inspection(t testing.TB, stdout string) (found grant.Inspection) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(stdout), &found))
	return found
}

func (w world) load() (tokens, keys *seal.Keyset) {
	w.TB.Helper()
	tokens, err := seal.Load(w.TokensKeyset())
	require.NoError(w.TB, err)
	keys, err = seal.Load(w.KeysKeyset())
	require.NoError(w.TB, err)
	return tokens, keys
}

func writePEM(t testing.TB, path string, certificate *x509.Certificate) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw}), 0o600))
}

// open returns the JSON of a record, or the text of a canary.
func (w world) open(r store.Record) []byte {
	w.TB.Helper()
	var failed []error
	for _, file := range []string{w.TokensKeyset(), w.KeysKeyset()} {
		ks, err := seal.Load(file)
		require.NoError(w.TB, err)
		_, plain, err := ks.Open(string(r.Kind), r.Key, r.Version, r.Value)
		if err == nil {
			return plain
		}
		failed = append(failed, err)
	}
	require.NoError(w.TB, errors.Join(failed...))
	return nil
}

// secrets are the values in the JSON of a record that nobody may see.
var secrets = regexp.MustCompile(`"(?:api_key|access_token|refresh_token|verifier)":"([^"]+)"`)
