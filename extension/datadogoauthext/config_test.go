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
	assert.Equal(t, []string{"admin.internal"}, cfg.Admin.Get().Hosts)
	assert.Equal(t, 20*time.Second, cfg.HTTP.Timeout)
	assert.Equal(t, "x-tenant", cfg.Auth.MetadataKey)
	assert.True(t, cfg.StopWithoutToken)
}

func TestListenersAreOffWhereTheFileDoesNotNameThem(t *testing.T) {
	t.Parallel()
	cfg := load(t, confmap.New())
	assert.False(t, cfg.Flow.HasValue())
	assert.False(t, cfg.Admin.HasValue())
}

func TestEveryFaultIsReportedAtOnceUnderItsKey(t *testing.T) {
	t.Parallel()
	conf, err := confmaptest.LoadConf(filepath.Join("testdata", "faults.yaml"))
	require.NoError(t, err)
	err = load(t, conf).Validate()
	require.Error(t, err)
	lines := strings.Split(err.Error(), "\n")
	for _, key := range []string{
		"clients::Main: ", "clients::Main::client_id: ", "clients::Main::client_secret_file: ", "clients::Main::stage: ", "clients::Main::redirect_url: ",
		"clients::web::redirect_url: must be https", "clients::other::redirect_url: must have a plain path", "flow::partner_name: ", "flow::public_url: must be https",
		"flow::client: ", "admin::listener::endpoint: ", "admin::tokens::0::name: ", "admin::tokens::0::role: ", "admin::tokens::0::file: ", "store::path: ",
		"seal::keys_keyset_file: ", "http::endpoint: ", "http::headers: ", "http::compression: ", "http::tls::insecure_skip_verify: ", "http::tls::insecure: ",
		"http::tls::server_name_override: ", "http::tls::min_version: ", "auth: ", "auth::header: ",
	} {
		found := slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, key) })
		assert.True(t, found, "no fault under %s in:\n%s", key, err)
	}
	for _, line := range lines {
		assert.Regexp(t, `^[A-Za-z0-9_:]+: .{10,}`, line)
	}
}

func TestRedirectURLHasToBeOnThePublicHost(t *testing.T) {
	t.Parallel()
	conf, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	for _, url := range []string{"https://other.example.com/callback", "https://connect.example.com/datadog/connect/x", "https://connect.example.com:444/callback"} {
		cfg := load(t, conf)
		c := cfg.Clients["main"]
		c.RedirectURL = url
		cfg.Clients["main"] = c
		require.ErrorContains(t, cfg.Validate(), "clients::main::redirect_url", url)
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
