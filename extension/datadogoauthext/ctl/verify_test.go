package ctl_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

func TestVerifyNamesWhatDoesNotOpenWhileTheOthersDo(t *testing.T) {
	t.Parallel()
	type get = func(store.Kind, string) store.Record
	for name, c := range map[string]struct {
		change func(get) store.Record
		kind   store.Kind
		text   string
	}{
		"a flipped byte": {func(get get) store.Record {
			r := get(store.KindToken, "acme")
			r.Value[len(r.Value)-3] ^= 4
			return r
		}, store.KindToken, "damaged, moved or put back"},
		"the record of another tenant": {func(get get) store.Record {
			r, other := get(store.KindToken, "acme"), get(store.KindToken, "globex")
			r.Value = other.Value
			return r
		}, store.KindToken, "damaged, moved or put back"},
		"an older value under a later version": {func(get get) store.Record {
			r := get(store.KindGrant, "acme")
			r.Version++
			return r
		}, store.KindGrant, "damaged, moved or put back"},
		"a key id that nobody has": {func(get get) store.Record {
			r := get(store.KindToken, "acme")
			r.Value[2+len("main")+1] ^= 1
			return r
		}, store.KindToken, "does not hold"},
		"no record at all": {func(get get) store.Record {
			r := get(store.KindToken, "acme")
			r.Value = []byte{9}
			return r
		}, store.KindToken, "not a sealed record of a known format"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.edit(func(get get) []store.Record { return []store.Record{c.change(get)} })
			failed, stdout := refused(t, with(w.keysets(), "store", "verify", "--json", "--store", w.StorePath())...)
			require.ErrorContains(t, failed, "1 of ")
			require.Contains(t, failed.Hint, "connect link")
			found := inspection(t, stdout)
			require.Len(t, found.Unreadable, 1)
			require.Equal(t, c.kind, found.Unreadable[0].Kind)
			require.Equal(t, "acme", found.Unreadable[0].Key)
			require.Contains(t, found.Unreadable[0].Error, c.text)
			require.Len(t, found.Tenants, 2)
			require.Equal(t, grant.TokenOK, found.Tenants[1].Token)
			_, stdout = refused(t, with(w.keysets(), "store", "verify", "--store", w.StorePath())...)
			require.Contains(t, stdout, "unreadable: "+string(c.kind)+" acme: ")
		})
	}
}

func TestVerifyLeavesTheModeOfAStoreFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, os.Chmod(w.StorePath(), 0o640))
	run(t, with(w.keysets(), "store", "verify", "--store", w.StorePath())...)
	info, err := os.Stat(w.StorePath())
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o640), info.Mode().Perm())
}

func TestVerifyShowsTheStateOfEachTenantAndNoSecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stdout := run(t, with(w.keysets(), "store", "verify", "--json", "--store", w.StorePath())...)
	found := inspection(t, stdout)
	require.Equal(t, []string{"acme", "globex"}, []string{found.Tenants[0].Tenant, found.Tenants[1].Tenant})
	acme := found.Tenants[0]
	require.Equal(t, "main", acme.Client)
	require.True(t, strings.HasSuffix(acme.Org, granttest.OrgA), acme.Org)
	require.Equal(t, grant.TokenOK, acme.Token)
	require.NotZero(t, acme.TokenVersion)
	require.NotZero(t, acme.GrantVersion)
	require.True(t, acme.RefreshBegun.IsZero())
	require.Len(t, found.Orgs, 2)
	require.NotEmpty(t, found.Orgs[0].Last4)
	require.Len(t, found.SealedBy, 2)
	require.True(t, found.SealedBy[0].Primary && found.SealedBy[1].Primary)
	require.Zero(t, found.OpenMints+found.OpenRefreshes)
	for _, r := range w.records(w.StorePath()) {
		for _, secret := range secrets.FindAllSubmatch(w.open(r), -1) {
			require.NotContains(t, stdout, string(secret[1]))
		}
	}
}

func TestVerifySaysThatAKeysetIsAnotherOne(t *testing.T) {
	t.Parallel()
	w, other := newWorld(t), newWorld(t)
	failed, stdout := refused(t, with(other.keysets(), "store", "verify", "--json", "--store", w.StorePath())...)
	require.Contains(t, failed.Hint, "keysets of another store")
	require.Len(t, inspection(t, stdout).Unreadable, len(w.records(w.StorePath())))
}

func TestInspectFindsWhatDoesNotFitTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	all := w.records(w.StorePath())
	var grants, org []store.Record
	for _, r := range all {
		switch r.Kind {
		case store.KindOrg:
			org = append(org, r)
		default:
			grants = append(grants, r)
		}
	}
	tokens, keys := w.load()
	found := grant.Inspect(append(grants, org[0]), tokens, keys)
	require.Len(t, found.Warnings, 1)
	require.Contains(t, found.Warnings[0], "of which there is no record")
}

func TestInspectKnowsEveryKind(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tokens, keys := w.load()
	for _, kind := range append(store.Kinds(), "another") {
		found := grant.Inspect([]store.Record{{Kind: kind, Key: "k", Version: 1, Value: []byte{0}}}, tokens, keys)
		require.Len(t, found.Unreadable, 1)
		require.Equal(t, kind == "another", strings.Contains(found.Unreadable[0].Error, "does not know"), kind)
	}
}
