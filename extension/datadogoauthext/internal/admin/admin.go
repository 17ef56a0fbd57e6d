package admin

import (
	"time"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/ratelimit"
)

// Options are for New.
type Options struct {
	Grants Grants
	// Tokens let people and programs in. Without any, everything but /v1/ready answers 401.
	Tokens []Token
	// Logger may be nil.
	Logger *zap.Logger
	// PublicURL is the base URL that customers reach; the status page shows it.
	PublicURL string
	// Endpoint is the address that the listener is configured with, such as "localhost:8445" or "0.0.0.0:8445".
	Endpoint string
	// Hosts are further names under which the listener is reached, without a port.
	Hosts []string
	// SessionLifetime is how long a login lasts at most; zero means DefaultSessionLifetime.
	SessionLifetime time.Duration
	// RequestsPerMinute bounds the requests of one network; zero means no bound.
	RequestsPerMinute int
}

// Admin serves the API and the status page. Build one with New.
type Admin struct {
	grants    Grants
	tokens    []Token
	logger    *zap.Logger
	publicURL string
	hosts     hosts
	sessions  *sessions
	requests  *ratelimit.Limiter // nil without a bound
	visits    *ratelimit.Limiter // of those who follow a link elsewhere; nil without a bound
	logins    *ratelimit.Limiter
	lockedOut lockedOut
	lookers   chan struct{} // has room for those who look for the end of a check

	failedLogins, refusedRoles, reports tally
}

// New does no I/O. Call CheckTokens before the listener opens.
func New(opts Options) *Admin {
	logger := opts.Logger
	if logger == nil {
		logger = zap.NewNop()
	}
	return &Admin{
		grants:    opts.Grants,
		tokens:    opts.Tokens,
		logger:    logger,
		publicURL: opts.PublicURL,
		hosts:     newHosts(opts.Endpoint, opts.Hosts),
		sessions:  newSessions(opts.SessionLifetime, len(opts.Tokens)),
		requests:  newLimiter(opts.RequestsPerMinute),
		visits:    newLimiter(opts.RequestsPerMinute),
		logins:    newLimiter(loginsPerMinute),
		lookers:   make(chan struct{}, maxLookers),
	}
}
