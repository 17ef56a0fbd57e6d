package datadogoauthext

import (
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/seal"
	"github.com/datadogoauth/otelcol-datadogoauth/internal/flatconfig"
)

// maxSettingBytes bounds what is read of a file to tell whether it is another one.
const maxSettingBytes = 1 << 20

// settings are what the audit compares: every key of the configuration that is set, what is in the files of secrets that it names, and which keys the
// keysets hold. It is asked again and again, since files are replaced while the collector runs.
func (e *datadogOAuth) settings(tokens, keys *seal.Keyset) func() map[string]grant.Setting {
	fixed := flatconfig.Of(e.cfg)
	addOpaque(fixed, e.cfg)
	files := e.cfg.secretFiles()
	return func() map[string]grant.Setting {
		all := make(map[string]grant.Setting, len(fixed)+len(files)+2)
		for name, setting := range fixed {
			all[name] = grant.Setting{Value: setting.Value, Secret: setting.Secret}
		}
		for name, path := range files {
			all[name+" (content)"] = fileSetting(path)
		}
		for name, keyset := range map[string]*seal.Keyset{"seal::tokens_keyset_file": tokens, "seal::keys_keyset_file": keys} {
			all[name+" (keys)"] = grant.Setting{Value: keysOf(keyset)}
		}
		return all
	}
}

// addOpaque puts fingerprints in the place of what the configuration shows to nobody: the keys and certificates that are written into it.
func addOpaque(to map[string]credential.Setting, cfg *Config) {
	flatconfig.AddPEM(to, "http::tls", cfg.HTTP.TLS.Config)
	if flow := cfg.Flow.Get(); flow != nil && flow.Listener.TLS.HasValue() {
		flatconfig.AddPEM(to, "flow::listener::tls", flow.Listener.TLS.Get().Config)
	}
	if admin := cfg.Admin.Get(); admin != nil && admin.Listener.TLS.HasValue() {
		flatconfig.AddPEM(to, "admin::listener::tls", admin.Listener.TLS.Get().Config)
	}
}

// secretFiles are the files that hold secrets, or keys that tickets are believed for, by the key that names each.
func (c *Config) secretFiles() map[string]string {
	files := map[string]string{}
	for name, client := range c.Clients {
		files["clients::"+name+"::client_secret_file"] = client.ClientSecretFile
	}
	if flow := c.Flow.Get(); flow != nil {
		if tickets := flow.Tickets.Get(); tickets != nil {
			for i, key := range tickets.Keys {
				files["flow::tickets::keys::"+strconv.Itoa(i)+"::file"] = key.File
			}
		}
	}
	if admin := c.Admin.Get(); admin != nil {
		for i, token := range admin.Tokens {
			files["admin::tokens::"+strconv.Itoa(i)+"::file"] = token.File
		}
	}
	if pg := c.Store.Postgres.Get(); pg != nil {
		files["store::postgres::dsn_file"] = pg.DSNFile
	}
	return files
}

// fileSetting is what is in a file, without white space around it: what reads these files takes no notice of that.
func fileSetting(path string) grant.Setting {
	file, err := os.Open(path)
	if err != nil {
		return grant.Setting{Secret: true, Unread: true}
	}
	defer file.Close()
	raw, err := io.ReadAll(io.LimitReader(file, maxSettingBytes))
	if err != nil {
		return grant.Setting{Secret: true, Unread: true}
	}
	return grant.Setting{Value: strings.TrimSpace(string(raw)), Secret: true}
}

// keysOf says which keys a keyset has: their ids, that of the one that seals with a mark.
func keysOf(keyset *seal.Keyset) string {
	if keyset == nil {
		return ""
	}
	var text []string
	for _, key := range keyset.Keys() {
		id := strconv.FormatUint(uint64(key.ID), 10)
		switch {
		case key.Primary:
			id += " (primary)"
		case !key.Enabled:
			id += " (disabled)"
		}
		text = append(text, id)
	}
	return strings.Join(text, ", ")
}
