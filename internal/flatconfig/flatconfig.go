// Package flatconfig turns the configuration of a component into a list of keys and values, for a record of what was changed.
package flatconfig

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/config/configtls"
	"go.opentelemetry.io/collector/confmap"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
)

// Of returns every key of a configuration that is set, by its path: {"http::timeout": "20s"}. What the configuration shows to nobody is as it shows it.
func Of(cfg any) map[string]credential.Setting {
	all := map[string]credential.Setting{}
	conf := confmap.New()
	if err := conf.Marshal(cfg); err == nil { // it was made from such a map
		flatten(all, "", conf.ToStringMap())
	}
	return all
}

// flatten adds the values of a configuration by their paths. Empty ones are as good as none.
func flatten(to map[string]credential.Setting, path string, value any) {
	under := func(name string) string { return strings.TrimPrefix(path+"::"+name, "::") }
	switch value := value.(type) {
	case map[string]any:
		for name, v := range value {
			flatten(to, under(name), v)
		}
	case []any:
		for i, v := range value {
			flatten(to, under(strconv.Itoa(i)), v)
		}
	case nil:
	default:
		if text := fmt.Sprint(value); text != "" {
			to[path] = credential.Setting{Value: text, Secret: holdsPassword(path, text)}
		}
	}
}

// holdsPassword reports whether a value is a URL with a password in it, as that of a proxy may be. That of a proxy is believed to have one without a scheme
// too, where package url sees none: "user:password@proxy:3128".
func holdsPassword(path, text string) bool {
	if !strings.Contains(text, "@") {
		return false
	}
	u, err := url.Parse(text)
	return err != nil || u.User != nil || strings.HasSuffix(path, "proxy_url")
}

// AddPEM adds the keys and certificates that are written into a configuration itself, which Of cannot tell apart. path is that of the TLS settings.
func AddPEM(to map[string]credential.Setting, path string, tls configtls.Config) {
	for name, value := range map[string]string{"ca_pem": string(tls.CAPem), "cert_pem": string(tls.CertPem), "key_pem": string(tls.KeyPem)} {
		if value != "" {
			to[path+"::"+name] = credential.Setting{Value: value, Secret: true}
		}
	}
}
