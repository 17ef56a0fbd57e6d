package datadogoauthext

import (
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
)

// Config is what an operator writes under this extension in the collector file.
type Config struct {
	// Clients are the OAuth clients of Datadog's developer platform, by a name of the operator's choice. The name is part
	// of every stored record: renaming a client is removing it and adding another.
	Clients map[string]ClientConfig `mapstructure:"clients"`
	// Flow is the public listener where customers connect. Without it no customer can.
	Flow configoptional.Optional[FlowConfig] `mapstructure:"flow"`
	// Admin is the operator's listener: status page, API, connect links.
	Admin configoptional.Optional[AdminConfig] `mapstructure:"admin"`
	// Store is where grants are kept.
	Store StoreConfig `mapstructure:"store"`
	// Seal names the keysets that the store is encrypted with.
	Seal SealConfig `mapstructure:"seal"`
	// HTTP is how Datadog is called for tokens and keys. It sets proxy, timeouts and trusted CAs; never where calls go.
	HTTP confighttp.ClientConfig `mapstructure:"http"`
	// Auth says for whom stock exporters send that name this extension as their authenticator.
	Auth AuthConfig `mapstructure:"auth"`
	// StopWithoutToken stops a tenant's data once its OAuth grant has ended. By default its API key goes on serving, since
	// Datadog keeps it valid until the customer revokes it.
	StopWithoutToken bool `mapstructure:"stop_without_token"`
}

// ClientConfig is one OAuth client.
type ClientConfig struct {
	ClientID string `mapstructure:"client_id"`
	// ClientSecretFile is read again when it changes, so a secret can be replaced without a restart.
	ClientSecretFile string `mapstructure:"client_secret_file"`
	// Stage is "test" for the client of the partner's own organisation, "published" for the one that any customer can use.
	Stage string `mapstructure:"stage"`
	// RedirectURL is registered with the client, byte for byte.
	RedirectURL string `mapstructure:"redirect_url"`
}

// FlowConfig is the public listener.
type FlowConfig struct {
	Listener confighttp.ServerConfig `mapstructure:"listener"`
	// TLSAtProxy says that TLS ends at a proxy in front, so that a listener off loopback may do without.
	TLSAtProxy bool `mapstructure:"tls_at_proxy"`
	// PublicURL is where browsers reach the listener; forwarded headers are never read.
	PublicURL string `mapstructure:"public_url"`
	// PartnerName is shown to customers.
	PartnerName string `mapstructure:"partner_name"`
	// Client is the client that connect links are made for; needed when there are several.
	Client string `mapstructure:"client"`
}

// AdminConfig is the operator's listener.
type AdminConfig struct {
	Listener confighttp.ServerConfig `mapstructure:"listener"`
	Tokens   []AdminTokenConfig      `mapstructure:"tokens"`
	// Hosts are further names under which the listener is reached, for its check of the Host header.
	Hosts []string `mapstructure:"hosts"`
}

// AdminTokenConfig lets somebody in.
type AdminTokenConfig struct {
	Name string `mapstructure:"name"`
	Role string `mapstructure:"role"`
	File string `mapstructure:"file"`
}

// StoreConfig is the embedded store.
type StoreConfig struct {
	Path string `mapstructure:"path"`
}

// SealConfig names two keysets, so that a collector that only sends can be given the second alone.
type SealConfig struct {
	TokensKeysetFile string `mapstructure:"tokens_keyset_file"`
	KeysKeysetFile   string `mapstructure:"keys_keyset_file"`
}

// AuthConfig is for stock exporters.
type AuthConfig struct {
	// Tenant is fixed, MetadataKey names the client metadata that holds it. One of the two.
	Tenant      string `mapstructure:"tenant"`
	MetadataKey string `mapstructure:"metadata_key"`
	// Header is "api_key" (DD-API-KEY, for intakes) or "bearer" (the access token, for api.<site>).
	Header string `mapstructure:"header"`
}

const (
	headerAPIKey = "api_key"
	headerBearer = "bearer"
)

const (
	defaultFlowEndpoint  = "localhost:8444"
	defaultAdminEndpoint = "localhost:8445"
	// defaultCallTimeout is one call to Datadog's.
	defaultCallTimeout = 30 * time.Second
	// A callback answers only after tokens and key are there: some calls, one after the other.
	flowWriteTimeout = 150 * time.Second
	readTimeout      = 15 * time.Second
	// Nobody sends more than a short form here.
	maxFormBytes = 16 << 10
)

func createDefaultConfig() component.Config {
	calls := confighttp.NewDefaultClientConfig()
	calls.Timeout = defaultCallTimeout
	return &Config{
		Flow:  configoptional.Default(FlowConfig{Listener: listenerDefaults(defaultFlowEndpoint, flowWriteTimeout)}),
		Admin: configoptional.Default(AdminConfig{Listener: listenerDefaults(defaultAdminEndpoint, 2*readTimeout)}),
		HTTP:  calls,
		Auth:  AuthConfig{Header: headerAPIKey},
	}
}

// listenerDefaults are tighter than the collector's, which are made for telemetry.
func listenerDefaults(endpoint string, write time.Duration) confighttp.ServerConfig {
	l := confighttp.NewDefaultServerConfig()
	l.NetAddr.Endpoint = endpoint
	l.ReadHeaderTimeout, l.ReadTimeout, l.WriteTimeout = readTimeout, readTimeout, write
	l.MaxRequestBodySize = maxFormBytes
	return l
}
