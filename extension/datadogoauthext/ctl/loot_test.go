package ctl_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/seal"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

// loot is what a thief of store, keysets and client secret has.
type loot struct {
	records                          []store.Record
	file, archive                    []byte
	tokens, keys                     *seal.Keyset
	refreshTokens, accessTokens, api []string
	secret                           string
}

// steal takes store file, backup, keysets and client secret, and opens what they open.
func (o *operator) steal() {
	o.TB.Helper()
	l := loot{records: o.archived(), secret: granttest.Secret}
	for path, to := range map[string]*[]byte{o.StorePath(): &l.file, o.archive(): &l.archive} {
		raw, err := os.ReadFile(path)
		require.NoError(o.TB, err)
		*to = raw
	}
	l.tokens, l.keys = o.load()
	for _, r := range l.records {
		plain, err := l.open(r)
		require.NoError(o.TB, err, "%s %s", r.Kind, r.Key)
		var secrets struct {
			Refresh string `json:"refresh_token"`
			Access  string `json:"access_token"`
			APIKey  string `json:"api_key"`
		}
		if r.Kind != store.KindCanary {
			require.NoError(o.TB, json.Unmarshal(plain, &secrets))
		}
		for value, all := range map[string]*[]string{secrets.Refresh: &l.refreshTokens, secrets.Access: &l.accessTokens, secrets.APIKey: &l.api} {
			if value != "" {
				*all = append(*all, value)
			}
		}
	}
	require.Len(o.TB, l.refreshTokens, 2)
	require.Len(o.TB, l.accessTokens, 2)
	require.Len(o.TB, l.api, 2)
	o.loot = l
}

func (l loot) open(r store.Record) ([]byte, error) {
	ks := grant.KeysetOf(l.tokens, l.keys)(r.Kind)
	if r.Kind == store.KindCanary && r.Key == "keys" {
		ks = l.keys
	}
	_, plain, err := ks.Open(string(r.Kind), r.Key, r.Version, r.Value)
	return plain, err
}

// at asks Datadog as the thief does, and returns the status.
func (l loot) at(o *operator, method, path, header, value string, form url.Values) int {
	o.TB.Helper()
	req, err := http.NewRequestWithContext(o.TB.Context(), method, "https://api.datadoghq.com"+path, strings.NewReader(form.Encode()))
	require.NoError(o.TB, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if header != "" {
		req.Header.Set(header, value)
	}
	resp, err := o.Datadog.Client().Do(req)
	require.NoError(o.TB, err)
	require.NoError(o.TB, resp.Body.Close())
	return resp.StatusCode
}

func (l loot) refresh(o *operator, token, secret string) int {
	return l.at(o, http.MethodPost, "/oauth2/v1/token", "", "", url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {token}, "client_id": {granttest.ClientID}, "client_secret": {secret},
	})
}

// works shows that the thief can act before anybody does something about it. It uses up nothing.
func (l loot) works(o *operator) {
	o.TB.Helper()
	for _, key := range l.api {
		require.Equal(o.TB, 200, l.at(o, http.MethodGet, "/api/v2/validate", "DD-API-KEY", key, nil))
	}
	for _, token := range l.accessTokens {
		require.Equal(o.TB, 200, l.at(o, http.MethodGet, "/api/v2/current_user", "Authorization", "Bearer "+token, nil))
	}
}

// isUseless shows that nothing of it opens a door any more: not at Datadog, not with the secret that took the place of the stolen one
// either, and not in the store, its free pages included, and the backup of today.
func (l loot) isUseless(o *operator) {
	o.TB.Helper()
	for _, key := range l.api {
		require.Equal(o.TB, 403, l.at(o, http.MethodGet, "/api/v2/validate", "DD-API-KEY", key, nil), "the old API key")
	}
	for _, token := range l.accessTokens {
		require.Equal(o.TB, 403, l.at(o, http.MethodGet, "/api/v2/current_user", "Authorization", "Bearer "+token, nil), "the old access token")
	}
	for _, token := range l.refreshTokens {
		require.Equal(o.TB, 401, l.refresh(o, token, l.secret), "the old client secret")
		require.Equal(o.TB, 400, l.refresh(o, token, "another-client-secret"), "the old refresh token")
	}
	today, err := os.ReadFile(o.StorePath())
	require.NoError(o.TB, err)
	for _, ks := range []*seal.Keyset{l.tokens, l.keys} {
		mark := binary.BigEndian.AppendUint32([]byte{0x01}, ks.PrimaryID()) // in front of whatever the stolen key sealed
		require.True(o.TB, bytes.Contains(l.file, mark))
		require.False(o.TB, bytes.Contains(today, mark), "the store file holds something that the stolen keyset opens")
	}
	for _, r := range o.archived() {
		_, err := l.open(r)
		require.ErrorIs(o.TB, err, seal.ErrSealed, "%s %s", r.Kind, r.Key)
	}
}

// opensNothingWithoutAKeyset tries what a thief of store and backup without a keyset can.
func (o *operator) opensNothingWithoutAKeyset() {
	o.TB.Helper()
	secrets := append(append(append([]string{o.loot.secret}, o.loot.refreshTokens...), o.loot.accessTokens...), o.loot.api...)
	for _, secret := range secrets {
		require.False(o.TB, bytes.Contains(o.loot.file, []byte(secret)), "the store file holds a secret in clear")
		require.False(o.TB, bytes.Contains(o.loot.archive, []byte(secret)), "the backup holds a secret in clear")
	}
	own := []string{"--tokens-keyset", o.file("own-tokens.json"), "--keys-keyset", o.file("own-keys.json")}
	run(o.TB, "keyset", "create", "--out", own[1])
	run(o.TB, "keyset", "create", "--out", own[3])
	failed, stdout := refused(o.TB, append([]string{"store", "verify", "--json", "--archive", o.archive()}, own...)...)
	require.ErrorContains(o.TB, failed, "do not open")
	found := inspection(o.TB, stdout)
	require.Len(o.TB, found.Unreadable, len(o.loot.records), "not one record opens")
	for _, secret := range secrets {
		require.NotContains(o.TB, stdout, secret)
	}
	failed, _ = refused(o.TB, append([]string{"store", "restore", "--from", o.archive(), "--store", o.file("own.db")}, own...)...)
	require.ErrorContains(o.TB, failed, "another keyset")
	require.NoFileExists(o.TB, o.file("own.db"))
	for _, r := range o.loot.records {
		for _, file := range []string{own[1], own[3]} {
			ks, err := seal.Load(file)
			require.NoError(o.TB, err)
			_, _, err = ks.Open(string(r.Kind), r.Key, r.Version, r.Value)
			require.ErrorIs(o.TB, err, seal.ErrSealed, "%s %s", r.Kind, r.Key)
		}
	}
}
