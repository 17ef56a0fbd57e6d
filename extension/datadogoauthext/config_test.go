package datadogoauthext

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configtls"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.yaml.in/yaml/v3"
)

func load(t *testing.T, conf *confmap.Conf) *Config {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	require.NoError(t, conf.Unmarshal(cfg))
	return cfg
}

func TestAFullConfigIsRead(t *testing.T) {
	t.Parallel()
	conf, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	cfg := load(t, conf)
	require.NoError(t, confmap.Validate(cfg))
	assert.Equal(t, ClientConfig{
		ClientID: "6c0a3a1e-0000-0000-0000-000000000001", ClientSecretFile: "/etc/otelcol-datadogoauth/sandbox-secret", Stage: "test",
		RedirectURL: "https://connect.example.com/datadog/sandbox/callback",
	}, cfg.Clients["sandbox"])
	flow := cfg.Flow.Get()
	require.NotNil(t, flow)
	assert.Equal(t, "0.0.0.0:8444", flow.Listener.NetAddr.Endpoint)
	assert.Equal(t, flowWriteTimeout, flow.Listener.WriteTimeout, "a default that the file does not name stays")
	assert.Equal(t, "main", flow.Client)
	assert.Equal(t, "mailto:help@example.com", flow.Support)
	assert.Equal(t, 60, flow.perAddress())
	assert.Equal(t, &TicketsConfig{
		LoginURL: "https://app.example.com/datadog/login?from=datadog", Issuer: "https://app.example.com", Audience: "https://connect.example.com/datadog",
		Algorithm: "ES256", Client: "sandbox", Keys: []TicketKeyConfig{{ID: "2026", File: "/etc/otelcol-datadogoauth/login.pem"}},
	}, flow.Tickets.Get())
	assert.Equal(t, []string{"admin.internal"}, cfg.Admin.Get().Hosts)
	assert.Equal(t, 8*time.Hour, cfg.Admin.Get().SessionLifetime)
	assert.Equal(t, 600, cfg.Admin.Get().RequestsPerMinute)
	assert.Equal(t, 20*time.Second, cfg.HTTP.Timeout)
	assert.Equal(t, 15*time.Second, cfg.HTTP.HTTP2ReadIdleTimeout)
	assert.Equal(t, 5*time.Second, cfg.HTTP.HTTP2PingTimeout)
	assert.Equal(t, "x-tenant", cfg.Auth.MetadataKey)
	assert.Equal(t, ChecksConfig{Intrusive: true, Wait: 5 * time.Minute}, cfg.Checks)
	assert.True(t, cfg.StopWithoutToken)
}

func TestACollectorWithoutFlowOnlySends(t *testing.T) {
	t.Parallel()
	conf, err := confmaptest.LoadConf(filepath.Join("testdata", "send_only.yaml"))
	require.NoError(t, err)
	cfg := load(t, conf)
	require.NoError(t, confmap.Validate(cfg))
	assert.True(t, cfg.sendOnly())
	assert.Equal(t, []string{"acme", "globex"}, cfg.Tenants)
	assert.Equal(t, &PostgresConfig{DSNFile: "/etc/otelcol-datadogoauth/reader-dsn", MaxConnections: defaultMaxConnections}, cfg.Store.Postgres.Get())
}

func TestListenersAreOffWhereTheFileDoesNotNameThem(t *testing.T) {
	t.Parallel()
	cfg := load(t, confmap.New())
	assert.False(t, cfg.Flow.HasValue())
	assert.False(t, cfg.Admin.HasValue())
}

func TestEveryFaultIsReportedAtOnceUnderItsKey(t *testing.T) {
	t.Parallel()
	for file, keys := range map[string][]string{
		"faults.yaml": {
			"clients::Main: ", "clients::Main::client_id: ", "clients::Main::client_secret_file: ", "clients::Main::stage: ", "clients::Main::redirect_url: ",
			"clients::web::redirect_url: must be https", "clients::other::redirect_url: must have a plain path", "flow::partner_name: ", "flow::public_url: must be https", "flow::listener::endpoint: 0.0.0.0:8444",
			"flow::support: ", "flow::client: ", "flow::requests_per_minute: ", "flow::tickets::login_url: must be https", "flow::tickets::issuer: ", "flow::tickets::audience: ", "flow::tickets::algorithm: must be the one",
			"flow::tickets::client: ", "flow::tickets::keys::0::file: ", "admin::listener::endpoint: ", "admin::tokens::0::name: ", "admin::tokens::0::role: ", "admin::tokens::0::file: ",
			"admin::session_lifetime: must be 5m0s to 168h0m0s", "admin::requests_per_minute: ",
			"tenants: remove it", "store::path: ", "store::copy: remove it", "seal::keys_keyset_file: ", "http::endpoint: ", "http::headers: ", "http::compression: ", "http::tls::insecure_skip_verify: ",
			"http::tls::insecure: ", "http::tls::server_name_override: ", "http::tls::min_version: ", "auth::metadata_key: ", "auth::tenant: must hold printable", "auth::header: ",
			"checks::wait: must be from 1s to 10m0s",
		},
		"send_only_faults.yaml": {
			"clients: without flow", "tenants::0: must hold printable", "tenants::2: ", "store::path: without flow", "store::postgres: set this or store::path", "store::postgres::dsn_file: ",
			"store::postgres::max_connections: ", "store::copy: must be another file", "seal::tokens_keyset_file: without flow", "seal::keys_keyset_file: name the keyset", "auth::tenant: \"globex\" is not among",
			"auth::header: without flow", "stop_without_token: without flow", "checks::intrusive: without flow",
		},
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			conf, err := confmaptest.LoadConf(filepath.Join("testdata", file))
			require.NoError(t, err)
			err = load(t, conf).Validate()
			require.Error(t, err)
			lines := strings.Split(err.Error(), "\n")
			for _, key := range keys {
				found := slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, key) })
				assert.True(t, found, "no fault under %s in:\n%s", key, err)
			}
			for _, line := range lines {
				assert.Regexp(t, `^[A-Za-z0-9_:]+: .{10,}`, line)
			}
			assert.Len(t, lines, len(keys), "%s", err)
		})
	}
}

func TestWhatARoleNeedsIsSaid(t *testing.T) {
	t.Parallel()
	with := func(file string, edit func(*Config)) error {
		conf, err := confmaptest.LoadConf(filepath.Join("testdata", file))
		require.NoError(t, err)
		cfg := load(t, conf)
		edit(cfg)
		return cfg.Validate()
	}
	for name, tc := range map[string]struct {
		err  error
		says string
	}{
		"clients without flow":      {with("send_only.yaml", func(c *Config) { c.Clients = map[string]ClientConfig{"main": {}} }), "clients: without flow this collector only sends and must hold no client secret: remove clients, or set flow"},
		"no tenants":                {with("send_only.yaml", func(c *Config) { c.Tenants = nil }), "tenants: "},
		"no database":               {with("send_only.yaml", func(c *Config) { c.Store = StoreConfig{} }), "store::postgres: "},
		"a file":                    {with("send_only.yaml", func(c *Config) { c.Store = StoreConfig{Path: "/x"} }), "belongs to one process"},
		"flow without a store":      {with("config.yaml", func(c *Config) { c.Store = StoreConfig{} }), "store::path: "},
		"flow without tokens":       {with("config.yaml", func(c *Config) { c.Seal.TokensKeysetFile = "" }), "seal::tokens_keyset_file: "},
		"flow without clients":      {with("config.yaml", func(c *Config) { c.Clients = nil }), "clients: name at least one"},
		"several clients, no names": {with("config.yaml", func(c *Config) { c.Flow.Get().Client, c.Flow.Get().Tickets.Get().Client = "", "" }), "flow::client: several clients"},
		"tickets without keys":      {with("config.yaml", func(c *Config) { c.Flow.Get().Tickets.Get().Keys = nil }), "flow::tickets::keys: "},
		"a login with a user":       {with("config.yaml", func(c *Config) { c.Flow.Get().Tickets.Get().LoginURL = "https://u:p4ss@app.example.com/login" }), "flow::tickets::login_url: "},
	} {
		require.ErrorContains(t, tc.err, tc.says, name)
		assert.NotContains(t, tc.err.Error(), "p4ss")
	}
}

func TestListenersServeAloneAndToTheirOwnOrigin(t *testing.T) {
	t.Parallel()
	for _, listener := range []string{"flow::listener", "admin::listener"} {
		for key, value := range map[string]any{
			"middlewares":            []any{map[string]any{"id": "spy"}},
			"auth":                   map[string]any{"authenticator": "basicauth"},
			"cors":                   map[string]any{"allowed_origins": []any{"*"}},
			"response_headers":       map[string]any{"Access-Control-Allow-Origin": "*"},
			"compression_algorithms": []any{"", "zstd"},
		} {
			conf, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
			require.NoError(t, err)
			require.NoError(t, conf.Merge(confmap.NewFromStringMap(map[string]any{listener + "::" + key: value})))
			require.ErrorContains(t, load(t, conf).Validate(), listener+"::"+key+": remove it")
		}
	}
}

func TestRequestsAreBoundedWhereAddressesAreCustomers(t *testing.T) {
	t.Parallel()
	tls := configoptional.Some(configtls.ServerConfig{})
	zero, ten := 0, 10
	for name, tc := range map[string]struct {
		flow FlowConfig
		want int
	}{
		"TLS here":                      {FlowConfig{}, defaultRequestsPerMinute},
		"TLS at a proxy":                {FlowConfig{TLSAtProxy: true}, 0},
		"TLS at a proxy, and meant":     {FlowConfig{TLSAtProxy: true, RequestsPerMinute: &ten}, 10},
		"TLS here, for this machine":    {FlowConfig{Listener: listenerDefaults("localhost:8444", 0)}, 0},
		"TLS here, and switched off":    {FlowConfig{RequestsPerMinute: &zero}, 0},
		"TLS here, and a number of its": {FlowConfig{RequestsPerMinute: &ten}, 10},
	} {
		tc.flow.Listener.TLS = tls
		if tc.flow.Listener.NetAddr.Endpoint == "" {
			tc.flow.Listener.NetAddr.Endpoint = "0.0.0.0:443"
		}
		assert.Equal(t, tc.want, tc.flow.perAddress(), name)
	}
	assert.Zero(t, (&FlowConfig{}).perAddress(), "without TLS a proxy on this machine is in front")
}

func TestRedirectURLHasToBeOnThePublicHost(t *testing.T) {
	t.Parallel()
	conf, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	for _, url := range []string{"https://other.example.com/callback", "https://connect.example.com/datadog/connect/x", "https://connect.example.com/datadog/ticket", "https://connect.example.com/datadog", "https://connect.example.com:444/callback"} {
		cfg := load(t, conf)
		c := cfg.Clients["main"]
		c.RedirectURL = url
		cfg.Clients["main"] = c
		require.ErrorContains(t, cfg.Validate(), "clients::main::redirect_url", url)
	}
}

func TestPlainHTTPOffLoopbackHasToBeMeant(t *testing.T) {
	t.Parallel()
	conf, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	for name, tc := range map[string]struct {
		endpoint         string
		unix, tls, proxy bool
		refused          bool
	}{
		"every interface":          {endpoint: "0.0.0.0:8444", refused: true},
		"no host":                  {endpoint: ":8444", refused: true},
		"a name":                   {endpoint: "connect.example.com:8444", refused: true},
		"with TLS":                 {endpoint: "0.0.0.0:8444", tls: true},
		"with a proxy in front":    {endpoint: "0.0.0.0:8444", proxy: true},
		"on loopback":              {endpoint: "127.0.0.1:8444"},
		"on a socket of this host": {endpoint: "/run/otelcol-datadogoauth.sock", unix: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := load(t, conf)
			flow := cfg.Flow.Get()
			flow.Listener.NetAddr.Endpoint, flow.TLSAtProxy = tc.endpoint, tc.proxy
			if tc.unix {
				flow.Listener.NetAddr.Transport = "unix"
			}
			if !tc.tls {
				flow.Listener.TLS = configoptional.None[configtls.ServerConfig]()
			}
			if err := cfg.Validate(); tc.refused {
				require.ErrorContains(t, err, "flow::tls_at_proxy")
			} else {
				require.NoError(t, err)
			}
		})
	}
}

func TestPublicURLHasAPlainPath(t *testing.T) {
	t.Parallel()
	conf, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	for path, good := range map[string]bool{"": true, "/": true, "/datadog": true, "/datadog/": true, "//datadog": false, "/a//b": false, "/datadog//": false, "//": false, "/a/../b": false, "/a%20b": false} {
		cfg := load(t, conf)
		cfg.Flow.Get().PublicURL = "https://connect.example.com" + path
		if err := cfg.Validate(); good {
			require.NoError(t, err, path)
		} else {
			require.ErrorContains(t, err, "flow::public_url", path)
		}
	}
}

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

func TestEveryConfigOfTheReadmeIsValid(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	blocks := yamlBlock.FindAllSubmatch(readme, -1)
	require.NotEmpty(t, blocks)
	for _, block := range blocks {
		var file struct {
			Extensions map[string]map[string]any `yaml:"extensions"`
		}
		require.NoError(t, yaml.Unmarshal(block[1], &file))
		ext, ok := file.Extensions["datadogoauth"]
		require.True(t, ok)
		require.NoError(t, confmap.Validate(load(t, confmap.NewFromStringMap(ext))), "%s", block[1])
	}
}

func TestReadmeListsEveryKey(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, table, ok := strings.Cut(string(readme), "## Every key")
	require.True(t, ok)
	table, _, _ = strings.Cut(table, "## Metrics")
	var listed []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)`").FindAllStringSubmatch(table, -1) {
		listed = append(listed, m[1])
	}
	assert.ElementsMatch(t, keys(reflect.TypeFor[Config](), ""), listed)
}

// keys lists what an operator may write. Sections of the collector's own (confighttp) count as one key.
func keys(typ reflect.Type, prefix string) []string {
	var all []string
	for i := range typ.NumField() {
		field := typ.Field(i)
		key := prefix + field.Tag.Get("mapstructure")
		ft := field.Type
		switch {
		case strings.HasPrefix(ft.Name(), "Optional["):
			method, _ := reflect.PointerTo(ft).MethodByName("Get")
			all = append(all, keys(method.Type.Out(0).Elem(), key+"::")...)
		case ft.Kind() == reflect.Map:
			all = append(all, keys(ft.Elem(), key+"::<name>::")...)
		case ft.Kind() == reflect.Slice && ft.Elem().Kind() == reflect.Struct:
			all = append(all, keys(ft.Elem(), key+"::<n>::")...)
		case ft.Kind() == reflect.Struct && ft.PkgPath() == reflect.TypeFor[Config]().PkgPath():
			all = append(all, keys(ft, key+"::")...)
		default:
			all = append(all, key)
		}
	}
	return all
}
