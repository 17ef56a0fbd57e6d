package grant

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/seal"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

// ClientConfig is one OAuth client as the configuration names it.
type ClientConfig struct {
	Name        string
	ClientID    string
	Stage       string // "test" or "published"
	RedirectURL string
	Secret      *SecretFile
}

// Observer is told what happens, for metrics and the component's status. A nil function is not called.
type Observer struct {
	Refreshed func(ctx context.Context, outcome string)
	Minted    func(ctx context.Context, outcome string)
	// Abandoned is told of n consents that ran out of time: the customer never came back from Datadog.
	Abandoned func(ctx context.Context, n int)
	// Revoked gets one of the Revoked outcomes for each attempt to end what is left of a connection.
	Revoked func(ctx context.Context, outcome string)
	// Trouble gets all that an operator can cure, as one error, at each change of its text; nil means nothing.
	Trouble func(error)
}

// Options are what a Service works with.
type Options struct {
	Store   store.Store
	Tokens  *seal.Keyset // for tokens, flows and invitations
	Keys    *seal.Keyset // for clients, organisations and grants
	Clients []ClientConfig
	// HTTP calls Datadog. It is copied, and the copy follows no redirect.
	HTTP   *http.Client
	Logger *zap.Logger
	// Now and After are the clock; nil means that of package time.
	Now   func() time.Time
	After func(time.Duration) <-chan time.Time
	// StopWithToken stops a tenant's data when its token is dead. By default its API key goes on serving.
	StopWithToken bool
	// Prepare is called before the grants are loaded, until it succeeds: it proves the keysets of a store that cannot be reached at
	// start yet. It may be nil.
	Prepare func(context.Context) error
	// SendOnly makes a service that only answers lookups, of Tenants and of no other: it reads organisations and grants, writes nothing,
	// and needs neither Tokens nor Clients.
	SendOnly bool
	Tenants  []string
	// Copy is where a send-only service keeps what it read, sealed as it was, so that it can start without Store. It may be nil.
	Copy  store.Store
	Audit AuditOptions
	// Settings are what the audit compares with what it knows of them; nil for none. It is asked at each pass.
	Settings func() map[string]Setting
	Observer Observer
}

// Service holds every grant. It is safe for concurrent use.
type Service struct {
	vault
	http         *http.Client
	log          *zap.Logger
	now          func() time.Time
	after        func(time.Duration) <-chan time.Time
	stopTok      bool
	made         time.Time // when New was called
	obs          Observer
	clients      map[string]*client // by name; fixed
	prepare      func(context.Context) error
	auditOptions AuditOptions
	settings     settings
	shared       store.Shared // nil when no other process writes to the store
	reread       atomic.Bool  // everything is to be read again

	sendOnly bool
	listed   []string // the tenants of a send-only service
	copy     localCopy

	view    view
	table   atomic.Pointer[lookupTable] // nil until loaded
	sorted  atomic.Pointer[inOrder]     // of a table, maybe not the latest; nil until somebody asks
	changes atomic.Pointer[chan struct{}]

	refreshes flights // by tenant
	mints     flights // by org, and by the token or that an earlier process began
	// revocations are by id.
	revocations flights
	kicks       atomic.Int64 // to work on revocations, since the last time that nothing was left to do
	backoff     backoffs
	windows     windows
	links       openLinks
	valid       validKeys
	unsaved     unsaved
	intents     intents
	// unreadableSince is when records that do not open were first found so, by address. The map is replaced, never changed.
	unreadableSince atomic.Pointer[map[string]time.Time]
	resealDue       atomic.Bool // records may be under another key than the primary one

	noted  atomic.Pointer[Noted] // what the journal said when it was last read for people; nil before
	noting flights

	storeFault atomic.Pointer[string] // why the store cannot be read; nil while it can
	writeFault atomic.Pointer[string] // why it cannot be written; nil while it can
	leaseFault atomic.Pointer[string] // why it gives no lease; nil while it does

	troubleMu sync.Mutex // guards trouble
	trouble   string

	life life
}

// client is a configured OAuth client and whether Datadog takes its credentials.
type client struct {
	cfg    ClientConfig
	secret *SecretFile
	gate   clientGate
	fault  atomic.Pointer[string] // why the secret file cannot be read; nil when it can
	// reconciled says that the store knows what the configuration says of it.
	reconciled atomic.Bool
}

func (c *client) rejectedAdvice() string {
	return fmt.Sprintf("Datadog rejects the credentials of client %s (client_id …%s, stage %s); write the current secret into its client_secret_file. "+
		"It is read again when it changes, and no grant is lost", c.cfg.Name, tail(c.cfg.ClientID), c.cfg.Stage)
}

// tail is enough of a client id to tell two of them apart.
func tail(id string) string { return id[max(0, len(id)-4):] }

// New checks nothing and does no I/O; Start does.
func New(opts Options) *Service {
	httpClient := *opts.HTTP
	httpClient.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	httpClient.Jar = nil
	s := &Service{
		vault: vault{st: opts.Store, tokens: opts.Tokens, keys: opts.Keys},
		http:  &httpClient, log: opts.Logger, now: opts.Now, after: opts.After, stopTok: opts.StopWithToken, obs: opts.Observer,
		clients: make(map[string]*client, len(opts.Clients)),
		prepare: opts.Prepare, sendOnly: opts.SendOnly, listed: opts.Tenants, copy: localCopy{st: opts.Copy},
	}
	s.shared, _ = opts.Store.(store.Shared)
	s.seen, s.wrote, s.readOnly = s.view.seen, s.noteWrite, opts.SendOnly
	s.auditOptions = AuditOptions{cmp.Or(opts.Audit.Retention, DefaultAuditRetention), cmp.Or(opts.Audit.MaxRecords, DefaultAuditRecords)}
	s.settings.read = opts.Settings
	s.audits.log = opts.Logger.Named("audit")
	s.resealDue.Store(true)
	if s.now == nil {
		s.now = time.Now
	}
	s.made, s.audits.now = s.now(), s.now
	if s.after == nil {
		s.after = time.After
	}
	for _, c := range opts.Clients {
		s.clients[c.Name] = &client{cfg: c, secret: c.Secret}
	}
	s.view.init()
	s.view.clients = s.clients
	changes := make(chan struct{})
	s.changes.Store(&changes)
	s.life.init()
	return s
}

// change updates records in the store, then the view of them in memory.
func (s *Service) change(ctx context.Context, fn func(*txn) error) error {
	written, err := s.update(ctx, fn)
	if err != nil {
		return err
	}
	s.takeIn(written)
	for _, w := range written {
		if w.kind == store.KindInvitation && w.rec == nil {
			s.links.leave(w.key)
		}
	}
	return nil
}

const persistTries = 20

// persist is change for what must not be lost, such as the only copy of a new key. It does not end with ctx: the answer is here, and
// nobody else has it. A store that refuses to write, because the disk is full say, is asked again, for a while.
func (s *Service) persist(ctx context.Context, fn func(*txn) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), persistFor)
	defer cancel()
	var err error
	for i := range persistTries {
		if err = s.change(ctx, fn); !errors.Is(err, errStore) {
			return err
		}
		s.log.Error("Writing to the grant store failed; trying again", zap.Error(err), zap.Int("attempt", i+1))
		select {
		case <-s.after(firstRetry):
		case <-s.life.flying.Done(): // Close waits no longer
			return err
		case <-ctx.Done():
			return err
		}
	}
	return err
}
