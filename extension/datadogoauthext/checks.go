package datadogoauthext

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/admin"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/audit"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/check"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/flow"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
)

const (
	// checksAtOnce bounds the checks under way in one collector: each holds some connections for minutes.
	checksAtOnce = 2
	// checkTime bounds a check, the wait for a consent included.
	checkTime = 15 * time.Minute
	// linkLife is how long a link works that a check opens itself.
	linkLife = time.Minute
)

// checks runs the six steps for tenants.
type checks struct {
	cfg     ChecksConfig
	grants  *grant.Service
	flow    *flow.Flow
	pages   *flow.Checker
	url     string // flow::public_url
	http    *http.Client
	probers func() []credential.Prober
	logger  *zap.Logger
	places  chan struct{} // holds one for each check under way

	mu    sync.Mutex           // guards stops
	stops map[string]*stopping // by tenant: those under way that nobody stopped
}

// stopping ends one check.
type stopping struct {
	id   string
	stop context.CancelFunc
}

func (e *datadogOAuth) newChecks(grants *grant.Service, pages *flow.Flow, publicURL string, calls *http.Client) (*checks, error) {
	checker, err := pages.Checker()
	return &checks{
		cfg: e.cfg.Checks, grants: grants, flow: pages, pages: checker, url: publicURL, http: calls, probers: e.probers.all, logger: e.set.Logger,
		places: make(chan struct{}, checksAtOnce), stops: map[string]*stopping{},
	}, err
}

// start begins a check in the background and returns its id.
func (c *checks) start(ctx context.Context, tenant string, o admin.CheckOptions, by string) (id string, err error) {
	if o.Intrusive && !c.cfg.Intrusive {
		return "", fmt.Errorf("%w: checks::intrusive is false in the collector's configuration, so no check asks for a second key or makes a test incident", grant.ErrRefused)
	}
	if _, err := c.grants.CheckFacts(ctx, tenant); err != nil {
		return "", err
	}
	select {
	case c.places <- struct{}{}:
	default:
		return "", fmt.Errorf("%w: %d checks are under way in this collector; begin this one when one of them has ended", grant.ErrRefused, checksAtOnce)
	}
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	begun := check.Report{ID: hex.EncodeToString(random[:]), Tenant: tenant, By: by, StartedAt: time.Now().UTC(), Steps: []check.Step{}}
	if err = c.grants.BeginCheck(ctx, begun); err == nil {
		c.grants.NoteAnyway(ctx, audit.Record{What: "check begun", Tenant: tenant, Reason: "check " + begun.ID})
		stopped, stop := context.WithCancel(context.Background())
		this := &stopping{begun.ID, stop}
		c.mu.Lock()
		c.stops[tenant] = this
		c.mu.Unlock()
		if !c.grants.Background(func(ctx context.Context) { c.run(ctx, stopped, begun, o); c.ended(tenant, this) }) {
			err = credential.ErrNotReady
			c.ended(tenant, this)
		}
	}
	if err != nil {
		<-c.places
		return "", err
	}
	c.logger.Info("A check begins", zap.String("tenant", tenant), zap.String("check", begun.ID), zap.String("by", by))
	return begun.ID, nil
}

// ended forgets a check. Another one of the tenant may have taken its place.
func (c *checks) ended(tenant string, this *stopping) {
	this.stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stops[tenant] == this {
		delete(c.stops, tenant)
	}
}

// stop ends the check of a tenant that runs in this collector. It does not wait for its end.
func (c *checks) stop(ctx context.Context, tenant, by string) error {
	c.mu.Lock()
	this := c.stops[tenant]
	delete(c.stops, tenant)
	c.mu.Unlock()
	if this == nil {
		return fmt.Errorf("%w: no check of tenant %.100q runs in this collector that could be stopped; one that another collector runs is stopped there", grant.ErrRefused, tenant)
	}
	c.grants.NoteAnyway(ctx, audit.Record{What: "check stopped", Tenant: tenant, Reason: "check " + this.id})
	c.logger.Info("A check is stopped", zap.String("tenant", tenant), zap.String("check", this.id), zap.String("by", by))
	this.stop()
	return nil
}

// run does a check until it ended, ctx did, or it was stopped.
func (c *checks) run(ctx, stopped context.Context, begun check.Report, o admin.CheckOptions) {
	defer func() { <-c.places }()
	ctx, cancel := context.WithTimeout(grant.WithActor(ctx, grant.Actor{Kind: "operator", Name: begun.By, Via: "check"}), checkTime)
	defer cancel()
	defer context.AfterFunc(stopped, cancel)()
	saves := newCheckSaver(ctx, c.grants, begun)
	tenant := &checkedTenant{checks: c, tenant: begun.Tenant, by: begun.By, id: begun.ID}
	report, err := check.Run(ctx, begun, check.Options{
		Grant: tenant, Pages: tenant, Probers: c.probers(), HTTP: c.http.Transport, Intrusive: o.Intrusive, Consent: o.Consent,
		Wait: c.cfg.Wait, ConsentWait: grant.FlowLife, Save: saves.save,
	})
	err = errors.Join(err, saves.end(ctx, report))
	passed, failed, notTested := report.Counts()
	c.grants.NoteAnyway(ctx, audit.Record{
		What: "check ended", Tenant: begun.Tenant, Site: report.Site, OrgID: report.OrgID, Client: report.Client,
		Reason: fmt.Sprintf("check %s: %d passed, %d failed, %d not tested", begun.ID, passed, failed, notTested),
	})
	fields := []zap.Field{zap.String("tenant", begun.Tenant), zap.String("check", begun.ID), zap.Int("passed", passed), zap.Int("failed", failed), zap.Int("not_tested", notTested)}
	if err != nil {
		c.logger.Error("A check could not be kept, and ended early", append(fields, zap.Error(err))...)
		return
	}
	c.logger.Info("A check ended", fields...)
}

// checkedTenant shows one tenant to a check.
type checkedTenant struct {
	*checks
	tenant, by, id string
}

var (
	_ check.Grant = (*checkedTenant)(nil)
	_ check.Pages = (*checkedTenant)(nil)
)

func (t *checkedTenant) Facts(ctx context.Context) (check.Facts, error) {
	f, err := t.grants.CheckFacts(ctx, t.tenant)
	f.PublicURL = t.url
	return f, err
}

func (t *checkedTenant) Refresh(ctx context.Context) error {
	return judged(t.grants.RefreshNow(ctx, t.tenant, t.by))
}

func (t *checkedTenant) ProveToken(ctx context.Context) error {
	return judged(t.grants.ProveToken(ctx, t.tenant))
}

func (t *checkedTenant) ProveKeyV1(ctx context.Context) (bool, error) {
	return t.grants.ProveKeyV1(ctx, t.tenant)
}

func (t *checkedTenant) ProveKeyV2(ctx context.Context) (string, error) {
	return t.grants.ProveKeyV2(ctx, t.tenant)
}

func (t *checkedTenant) MintTwice(ctx context.Context) (int, error) {
	return t.grants.MintTwice(ctx, t.tenant)
}

func (t *checkedTenant) RevokeUnknown(ctx context.Context) error {
	return judged(t.grants.RevokeUnknown(ctx, t.tenant))
}

func (t *checkedTenant) Bearer() http.RoundTripper {
	return t.grants.Bearer(t.tenant, t.http.Transport)
}

func (t *checkedTenant) ConsentLink(ctx context.Context) (string, func(context.Context), error) {
	secret, end, err := t.invite(ctx, checkTime)
	return t.flow.Link(secret), end, err
}

func (t *checkedTenant) invite(ctx context.Context, life time.Duration) (secret string, end func(context.Context), err error) {
	f, err := t.grants.CheckFacts(ctx, t.tenant)
	if err != nil {
		return "", nil, err
	}
	return t.grants.InviteForCheck(ctx, t.tenant, f.Client, t.id, life)
}

func (t *checkedTenant) Trial(ctx context.Context) (*check.Trial, error) {
	return t.grants.CheckTrial(ctx, t.tenant, t.id)
}

// PassedElsewhere reads the reports of other tenants, and says nothing of them but their site and when that was.
func (t *checkedTenant) PassedElsewhere(ctx context.Context) (map[string]time.Time, error) {
	mine, err := t.grants.CheckFacts(ctx, t.tenant)
	if err != nil {
		return nil, err
	}
	passed := map[string]time.Time{}
	err = t.grants.CheckReports(ctx, func(r check.Report) {
		if r.Tenant == t.tenant || r.Client != mine.Client || r.Running() || r.Site == "" {
			return
		}
		at := passed[r.Site]
		if r.PassedStep(1) && r.PassedStep(2) && r.EndedAt.After(at) {
			at = r.EndedAt
		}
		passed[r.Site] = at
	})
	return passed, err
}

func (t *checkedTenant) Begin(ctx context.Context, query url.Values) (*url.URL, error) {
	secret, end, err := t.invite(ctx, linkLife)
	if err != nil {
		return nil, err
	}
	defer end(ctx)
	return t.pages.Begin(ctx, secret, query)
}

func (t *checkedTenant) Tile(ctx context.Context, query url.Values) (*url.URL, error) {
	return t.pages.Tile(ctx, query)
}

func (t *checkedTenant) LastPage() (string, error) { return t.pages.LastPage() }

// judged marks what is no verdict on the tenant.
func judged(err error) error {
	if grant.Unjudged(err) {
		return unjudged{err}
	}
	return err
}

// unjudged keeps the text as it is.
type unjudged struct{ error }

func (unjudged) Is(target error) bool { return target == check.ErrUnjudged }
func (u unjudged) Unwrap() error      { return u.error }

// errOf puts an error of a check into words of package admin.
func (c *checks) errOf(tenant string, err error) error {
	if errors.Is(err, credential.ErrUnknownTenant) {
		return fmt.Errorf("%w: no customer ever connected as %.100q, or tried to; POST /v1/invitations makes a connect link", admin.ErrUnknown, tenant)
	}
	return refused(err)
}
