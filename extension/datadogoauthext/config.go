package datadogoauthext

import (
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/admin"
)

// Config is what an operator writes under this extension in the collector file. It has one of two roles: with Flow a collector holds
// the grants, without it it only sends.
type Config struct {
	// Clients are the OAuth clients of Datadog's developer platform, by a name of the operator's choice. The name is part
	// of every stored record: renaming a client is removing it and adding another. A collector that only sends has none.
	Clients map[string]ClientConfig `mapstructure:"clients"`
	// Flow is the public listener where customers connect. It decides the role.
	Flow configoptional.Optional[FlowConfig] `mapstructure:"flow"`
	// Tenants are those that a collector which only sends may send for.
	Tenants []string `mapstructure:"tenants"`
	// Admin is the operator's listener: status page, API, connect links.
	Admin configoptional.Optional[AdminConfig] `mapstructure:"admin"`
	// Checks are the six steps by which an integration is tested.
	Checks ChecksConfig `mapstructure:"checks"`
	// Store is where grants are kept.
	Store StoreConfig `mapstructure:"store"`
	// Seal names the keysets that the store is encrypted with.
	Seal SealConfig `mapstructure:"seal"`
	// Audit bounds the record of who changed what.
	Audit AuditConfig `mapstructure:"audit"`
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
	// Support is where customers get help, shown where a page says whom to ask.
	Support string `mapstructure:"support"`
	// Client is the client that connect links are made for; needed when there are several.
	Client string `mapstructure:"client"`
	// Tickets are for customers who arrive without a connect link: the partner's own login says who they are.
	Tickets configoptional.Optional[TicketsConfig] `mapstructure:"tickets"`
	// RequestsPerMinute bounds the requests of one remote address. Nil means the default, see perAddress; zero means no bound.
	RequestsPerMinute *int `mapstructure:"requests_per_minute"`
}

// TicketsConfig says where customers log in and which signed tickets (JWT, RFC 7519) of that login are believed.
type TicketsConfig struct {
	// LoginURL is the partner's page that a browser without a ticket is sent to.
	LoginURL string `mapstructure:"login_url"`
	// Issuer and Audience are what the claims iss and aud have to be.
	Issuer   string `mapstructure:"issuer"`
	Audience string `mapstructure:"audience"`
	// Algorithm is the only one that is accepted (RFC 7518, RFC 8037).
	Algorithm string `mapstructure:"algorithm"`
	// Client is the client that tickets connect with; by default that of connect links.
	Client string `mapstructure:"client"`
	// Keys verify tickets. With several of them a key is replaced without a stop.
	Keys []TicketKeyConfig `mapstructure:"keys"`
}

// TicketKeyConfig is one key.
type TicketKeyConfig struct {
	// ID is the kid of the tickets that it verifies; empty for tickets without one.
	ID string `mapstructure:"id"`
	// File holds a public key as PEM, or for the HS algorithms a shared secret.
	File string `mapstructure:"file"`
}

// AdminConfig is the operator's listener.
type AdminConfig struct {
	Listener confighttp.ServerConfig `mapstructure:"listener"`
	Tokens   []AdminTokenConfig      `mapstructure:"tokens"`
	// Hosts are further names under which the listener is reached, for its check of the Host header.
	Hosts []string `mapstructure:"hosts"`
	// SessionLifetime is how long a login to the pages lasts at most.
	SessionLifetime time.Duration `mapstructure:"session_lifetime"`
	// RequestsPerMinute bounds the requests of one remote address; zero means no bound.
	RequestsPerMinute int `mapstructure:"requests_per_minute"`
}

// AdminTokenConfig lets somebody in.
type AdminTokenConfig struct {
	Name string `mapstructure:"name"`
	Role string `mapstructure:"role"`
	File string `mapstructure:"file"`
}

// StoreConfig says where grants are kept: one of Path and Postgres.
type StoreConfig struct {
	// Path is the file of the embedded store, which belongs to one process.
	Path string `mapstructure:"path"`
	// Postgres is a database that several collectors share.
	Postgres configoptional.Optional[PostgresConfig] `mapstructure:"postgres"`
	// Copy is the file in which a collector that only sends keeps what it read, sealed as it was, so that it starts while the database
	// is down.
	Copy string `mapstructure:"copy"`
}

// PostgresConfig is a PostgreSQL database.
type PostgresConfig struct {
	// DSNFile holds the connection string, since it mostly holds a password too.
	DSNFile string `mapstructure:"dsn_file"`
	// MaxConnections bounds the connections of this collector.
	MaxConnections int `mapstructure:"max_connections"`
	// AllowPlaintext lets connections go without TLS, for a database on the same machine or a proxy there that adds it.
	AllowPlaintext bool `mapstructure:"allow_plaintext"`
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
	// A few for a pool's own needs and the rest for work: a refresh holds one for milliseconds.
	defaultMaxConnections = 8
	// A customer needs a handful of requests to connect; an office behind one address has several customers' people.
	defaultRequestsPerMinute = 30
)

func createDefaultConfig() component.Config {
	calls := confighttp.NewDefaultClientConfig()
	calls.Timeout = defaultCallTimeout
	// Pings find a connection whose way loses every packet; else each call on it would fail for a quarter of an hour.
	calls.HTTP2ReadIdleTimeout, calls.HTTP2PingTimeout = 15*time.Second, 5*time.Second
	return &Config{
		Flow: configoptional.Default(FlowConfig{Listener: listenerDefaults(defaultFlowEndpoint, flowWriteTimeout)}),
		Admin: configoptional.Default(AdminConfig{
			Listener:        listenerDefaults(defaultAdminEndpoint, 2*readTimeout),
			SessionLifetime: admin.DefaultSessionLifetime, RequestsPerMinute: admin.DefaultRequestsPerMinute,
		}),
		Checks: ChecksConfig{Wait: defaultCheckWait},
		Store:  StoreConfig{Postgres: configoptional.Default(PostgresConfig{MaxConnections: defaultMaxConnections})},
		Audit:  defaultAudit(),
		HTTP:   calls,
		Auth:   AuthConfig{Header: headerAPIKey},
	}
}

// sendOnly reports the role: without the public listener a collector reads what it needs to send, and writes nothing.
func (c *Config) sendOnly() bool { return !c.Flow.HasValue() }

// perAddress is the bound on requests of one remote address in a minute, or zero for none. By default there is one only where other
// machines reach the listener and TLS ends there: behind a proxy all customers share the proxy's address.
func (f *FlowConfig) perAddress() int {
	switch {
	case f.RequestsPerMinute != nil:
		return *f.RequestsPerMinute
	case f.Listener.TLS.HasValue() && !f.TLSAtProxy && !f.local():
		return defaultRequestsPerMinute
	default:
		return 0
	}
}

// ticketClient is the client that tickets connect with, as grant.Service.ClientNamed reads it.
func (f *FlowConfig) ticketClient() string {
	if t := f.Tickets.Get(); t != nil && t.Client != "" {
		return t.Client
	}
	return f.Client
}

// listenerDefaults are tighter than the collector's, which are made for telemetry.
func listenerDefaults(endpoint string, write time.Duration) confighttp.ServerConfig {
	l := confighttp.NewDefaultServerConfig()
	l.NetAddr.Endpoint = endpoint
	l.ReadHeaderTimeout, l.ReadTimeout, l.WriteTimeout = readTimeout, readTimeout, write
	l.MaxRequestBodySize = maxFormBytes
	return l
}
