package grant

import (
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
	Observer      Observer
}

// Service holds every grant. It is safe for concurrent use.
type Service struct {
	vault
	http    *http.Client
	log     *zap.Logger
	now     func() time.Time
	after   func(time.Duration) <-chan time.Time
	stopTok bool
	obs     Observer
	clients map[string]*client // by name; fixed

	view    view
	table   atomic.Pointer[lookupTable] // nil until loaded
	changes atomic.Pointer[chan struct{}]

	refreshes flights // by tenant
	mints     flights // by org
	backoff   backoffs
	windows   windows

	troubleMu sync.Mutex // guards trouble
	trouble   string

	ctx  context.Context // of background work; ends with Close
	stop context.CancelFunc
	work sync.WaitGroup
	once sync.Once
}

// client is a configured OAuth client and whether Datadog takes its credentials.
type client struct {
	cfg    ClientConfig
	secret *SecretFile
	gate   clientGate
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
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.after == nil {
		s.after = time.After
	}
	for _, c := range opts.Clients {
		s.clients[c.Name] = &client{cfg: c, secret: c.Secret}
	}
	s.view.init()
	changes := make(chan struct{})
	s.changes.Store(&changes)
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s
}

// Start loads the grants in the background and keeps them alive from then on. It waits for nothing.
func (s *Service) Start() {
	s.once.Do(func() { s.work.Go(s.run) })
}

// Close ends background work and waits for it, or for ctx. It does not close the store.
func (s *Service) Close(ctx context.Context) error {
	s.stop()
	done := make(chan struct{})
	go func() { s.work.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("grants are still being written: %w", ctx.Err())
	}
}

// Ready reports whether the grants are loaded.
func (s *Service) Ready() bool { return s.table.Load() != nil }

const (
	passEvery    = 30 * time.Second
	firstRetry   = time.Second
	longestRetry = 30 * time.Second
)

// run loads until it succeeds, puts right what an earlier process left half done, then does what is due, pass by pass.
func (s *Service) run() {
	for wait := firstRetry; ; wait = min(2*wait, longestRetry) {
		err := s.load(s.ctx)
		if err == nil {
			break
		}
		if s.ctx.Err() != nil {
			return
		}
		s.log.Error("Loading the grants failed; trying again", zap.Error(err), zap.Duration("in", wait))
		if !s.pause(s.ctx, wait) {
			return
		}
	}
	s.reconcile(s.ctx)
	for {
		s.pass(s.ctx)
		if !s.pause(s.ctx, passEvery) {
			return
		}
	}
}

// pass does what is due: keep-alive refreshes and those that failed, keys that are no longer fresh, flows that ran out.
func (s *Service) pass(ctx context.Context) {
	s.resumeMints(ctx)
	s.refreshDue(ctx)
	s.ageKeys(ctx)
	s.sweep(ctx)
	s.reportTrouble()
}

// pause waits, and reports false when ctx ended first.
func (s *Service) pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-s.after(d):
		return ctx.Err() == nil
	}
}

// operation is how long a refresh or a mint may take in all, leaseFor how long nobody else may begin the same one: longer,
// so that a lease never ends under a call.
const (
	operation = 2 * time.Minute
	leaseFor  = 3 * time.Minute
	leasePoll = 200 * time.Millisecond
)

// withLease runs fn while no other process runs it under the same name. fence goes into what fn writes.
func (s *Service) withLease(ctx context.Context, name string, fn func(fence uint64) error) error {
	for {
		lease, err := s.st.Lease(ctx, name, leaseFor)
		if err == nil {
			defer func() { _ = lease.Release(context.WithoutCancel(ctx)) }() // it ends by itself otherwise
			return fn(lease.Fence())
		}
		if !errors.Is(err, store.ErrHeld) {
			return fmt.Errorf("lease %s: %w", name, err)
		}
		if !s.pause(ctx, leasePoll) {
			return fmt.Errorf("lease %s: %w", name, ctx.Err())
		}
	}
}

// change updates records in the store, then the view of them in memory.
func (s *Service) change(ctx context.Context, fn func(*txn) error) error {
	written, err := s.update(ctx, fn)
	if err != nil {
		return err
	}
	s.apply(written)
	return nil
}

const persistTries = 20

// persist is change for what must not be lost, such as the only copy of a new key: a store that refuses to write, because the
// disk is full say, is asked again, for a while.
func (s *Service) persist(ctx context.Context, fn func(*txn) error) error {
	var err error
	for i := range persistTries {
		if err = s.change(ctx, fn); !errors.Is(err, errStore) {
			return err
		}
		s.log.Error("Writing to the grant store failed; trying again", zap.Error(err), zap.Int("attempt", i+1))
		if !s.pause(ctx, firstRetry) {
			break
		}
	}
	return err
}
