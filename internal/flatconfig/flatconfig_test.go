package flatconfig_test

import (
	"reflect"
	"testing"

	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configtls"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/internal/flatconfig"
)

type config struct {
	Name  string                       `mapstructure:"name"`
	Empty string                       `mapstructure:"empty"`
	Hosts map[string]map[string]string `mapstructure:"hosts"`
	List  []string                     `mapstructure:"list"`
	Token configopaque.String          `mapstructure:"token"`
	HTTP  struct {
		ProxyURL string `mapstructure:"proxy_url"`
	} `mapstructure:"http"`
	own *config // of a component itself
}

// TestEveryKeyThatIsSetIsThere by its path; what nobody may see is marked, or hidden by its type.
func TestEveryKeyThatIsSetIsThere(t *testing.T) {
	t.Parallel()
	c := config{Name: "n", Hosts: map[string]map[string]string{"datadoghq.eu": {"logs": "https://l"}}, List: []string{"a", "b"}, Token: "s3cret"}
	c.HTTP.ProxyURL = "user:password@proxy:3128"
	c.own = &c
	got := flatconfig.Of(c)
	flatconfig.AddPEM(got, "http::tls", configtls.Config{KeyPem: "k"})
	want := map[string]credential.Setting{
		"name": {Value: "n"}, "hosts::datadoghq.eu::logs": {Value: "https://l"}, "list::0": {Value: "a"}, "list::1": {Value: "b"}, "token": {Value: "[REDACTED]"},
		"http::proxy_url": {Value: "user:password@proxy:3128", Secret: true}, "http::tls::key_pem": {Value: "k", Secret: true},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
