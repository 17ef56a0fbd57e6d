package grant

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/check"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

const (
	// maxReportBytes bounds a record. A report is made far smaller than that.
	maxReportBytes = 256 << 10
	// CheckBeat is how often whoever runs a check says so. checkSilence is how long after that the run is taken for dead.
	CheckBeat    = 20 * time.Second
	checkSilence = 2 * time.Minute
)

// Checked is what is kept of the checks of one tenant: the latest report, and what the next check has to know. It may be there for a
// tenant that was never connected.
type Checked struct {
	Tenant string        `json:"tenant"`
	Client string        `json:"client"`
	Report *check.Report `json:"report,omitempty"`
	// Beat is when the run of Report last gave a sign of life.
	Beat time.Time `json:"beat,omitzero"`
	// Failed is the latest consent that led to nothing.
	Failed *check.FailedConsent `json:"failed,omitempty"`
	// Trial is what came of the consent of the check that TrialOf names.
	Trial   *check.Trial `json:"trial,omitempty"`
	TrialOf string       `json:"trial_of,omitempty"`
}

func (c Checked) address() (store.Kind, string) { return store.KindReport, c.Tenant }
func (c Checked) owner() string                 { return c.Client }

// BeginCheck stores the report of a check that begins. ErrRefused says that another one of the tenant is under way, in whatever process.
func (s *Service) BeginCheck(ctx context.Context, begun check.Report) error {
	return s.changeChecked(ctx, begun.Tenant, func(c *Checked) error {
		if r := c.Report; r != nil && r.Running() && s.now().Before(c.Beat.Add(checkSilence)) {
			return fmt.Errorf("%w: check %s of tenant %s has been running since %s; wait for its end", ErrRefused, r.ID, begun.Tenant, since(r.StartedAt))
		}
		c.Report, c.Beat, c.Trial, c.TrialOf = &begun, s.now(), nil, ""
		return nil
	})
}

// ErrOtherCheck: the run was silent for too long, and another one took its place.
var ErrOtherCheck = errors.New("another check took its place")

// SaveCheck stores a report of the check that BeginCheck began, else the error is ErrOtherCheck. It goes on while the service closes.
func (s *Service) SaveCheck(ctx context.Context, r check.Report) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), persistFor)
	defer cancel()
	return s.changeChecked(ctx, r.Tenant, func(c *Checked) error {
		if c.Report == nil || c.Report.ID != r.ID {
			return ErrOtherCheck
		}
		c.Report, c.Beat = &r, s.now()
		return nil
	})
}

// CheckReport returns the latest report of a tenant. A run that gave no sign of life is one that ended.
func (s *Service) CheckReport(ctx context.Context, tenant string) (check.Report, bool, error) {
	if err := s.checkReady(); err != nil {
		return check.Report{}, false, err
	}
	c, found, err := get(s.reader(ctx), Checked{Tenant: tenant})
	if err != nil || !found || c.Report == nil {
		return check.Report{}, false, err
	}
	return s.latestOf(c), true, nil
}

func (s *Service) latestOf(c Checked) check.Report {
	if c.Report.Running() && !s.now().Before(c.Beat.Add(checkSilence)) {
		return c.Report.Ended(c.Beat, "the collector that ran the check stopped")
	}
	return *c.Report
}

// CheckReports tells yield of the latest report of every tenant, in the order of their names.
func (s *Service) CheckReports(ctx context.Context, yield func(check.Report)) error {
	if err := s.checkReady(); err != nil {
		return err
	}
	return list(ctx, &s.vault, store.KindReport, func(store.Record, error) {}, func(_ uint64, c Checked) {
		if c.Report != nil {
			yield(s.latestOf(c))
		}
	})
}

// ConsentFailed notes a consent that led to nothing, for the next check of the tenant. domain is the callback's, or empty; err is fit to be
// shown. What cannot be noted is logged: the customer has an answer either way.
func (s *Service) ConsentFailed(ctx context.Context, f Flow, outcome, domain string, err error) {
	failed := &check.FailedConsent{
		At: s.now(), Outcome: oneLine(outcome, maxCodeBytes), Reason: oneLine(err.Error(), 2*maxDescriptionBytes),
		StartedDomain: f.StartedDomain, AppOrigin: f.AppOrigin, CallbackDomain: domain,
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseFor)
	defer cancel()
	noted := s.changeChecked(ctx, f.Tenant, func(c *Checked) error {
		c.Failed = failed
		if c.Client == "" {
			c.Client = f.Client
		}
		return nil
	})
	if noted != nil {
		s.log.Warn("A consent that failed was not noted for the next check", zap.String("tenant", f.Tenant), zap.Error(noted))
	}
}

// changeChecked edits the record of one tenant; there may be none. One that cannot be opened is begun anew: it is of no more use.
func (s *Service) changeChecked(ctx context.Context, tenant string, edit func(*Checked) error) error {
	if err := s.checkReady(); err != nil {
		return err
	}
	s.view.mu.Lock()
	g, connected := s.view.grants[tenant]
	s.view.mu.Unlock()
	return s.change(ctx, func(tx *txn) error {
		c, _, err := get(tx, Checked{Tenant: tenant})
		if unopenable(err) {
			c, err = Checked{}, nil
		}
		if err != nil {
			return err
		}
		c.Tenant = tenant
		if connected {
			c.Client = g.rec.Org.Client
		}
		if err := edit(&c); err != nil {
			return err
		}
		if raw, err := json.Marshal(c); err != nil || len(raw) > maxReportBytes {
			return fmt.Errorf("the report of tenant %s has %d bytes, more than the %d that are kept", tenant, len(raw), maxReportBytes)
		}
		return tx.put(c)
	})
}

// Background runs fn until it returns; Close ends its context and waits for it. false means that the service is closing.
func (s *Service) Background(fn func(ctx context.Context)) bool {
	return s.life.spawn(func() { fn(s.life.stopping) })
}

// checkable returns what memory knows of a tenant. Its token and organisation are as they were at one moment.
func (s *Service) checkable(tenant string) (g Grant, o Org, tok Token, f Facts, err error) {
	if err := s.checkReady(); err != nil {
		return g, o, tok, f, err
	}
	if s.sendOnly {
		return g, o, tok, f, ErrSendOnly
	}
	s.view.mu.Lock()
	defer s.view.mu.Unlock()
	held, ok := s.view.grants[tenant]
	if !ok {
		return g, o, tok, f, fmt.Errorf("tenant %s: %w", tenant, credential.ErrUnknownTenant)
	}
	f, _ = s.view.facts(tenant)
	return held.rec, s.view.orgs[held.rec.Org.String()].rec, s.view.tokens[tenant].rec, f, nil
}
