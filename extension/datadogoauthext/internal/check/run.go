package check

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
)

// Options are what one check works with.
type Options struct {
	Grant Grant
	Pages Pages
	// Probers send marked data. Without any the data flow is not tested.
	Probers []credential.Prober
	// HTTP calls hosts without a credential.
	HTTP http.RoundTripper
	// Intrusive and Consent are those of the order.
	Intrusive, Consent bool
	// Wait bounds how long marked data may take to be readable; no kind of data waits longer than its own plan either. ConsentWait is for
	// the consent.
	Wait, ConsentWait time.Duration
	// Save is told of the report whenever something was found. Its error ends the check.
	Save func(Report) error
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// run is one check under way.
type run struct {
	Options
	ctx   context.Context //nolint:containedctx // that of Run
	facts Facts
	// elsewhere is what PassedElsewhere said.
	elsewhere    map[string]time.Time
	elsewhereErr error
	api          *api

	mu     sync.Mutex // guards the rest
	report Report
	cause  error // why Save failed
	cancel context.CancelFunc
	used   map[string]scopeUse // by scope
}

// The steps, in the words of Datadog's guide for those who test an integration's client.
var steps = []struct {
	title string
	do    func(*run, context.Context)
}{
	{"Authorisation works", (*run).authorisation},
	{"An API key is minted", (*run).key},
	{"Several sites", (*run).sites},
	{"Cross-region routing", (*run).hosts},
	{"Data flows for every scope", (*run).data},
	{"Ready for review", (*run).review},
}

// Run looks at everything and returns the report, which ends also where ctx does: what was not looked at is not tested then. begun holds the
// fields of the report that are known at its start. The error is that of Save.
func Run(ctx context.Context, begun Report, o Options) (Report, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	o.Now = orClock(o.Now)
	r := &run{Options: o, ctx: ctx, report: begun, cancel: cancel, used: map[string]scopeUse{}}
	facts, err := o.Grant.Facts(ctx)
	if err != nil {
		r.begin(1)
		r.add(fail("step1.grant", "The tenant's grant can be read", oneLine(err.Error()), "the collector's log says more"))
		return r.end(), r.cause
	}
	facts.Client, facts.Scopes = oneLine(facts.Client), bounded(facts.Scopes)
	r.facts = facts
	r.api = newAPI(o.Grant.Bearer(), facts.Site)
	r.report.Client, r.report.Stage, r.report.Scopes = facts.Client, facts.Stage, slices.Clone(facts.Scopes)
	if !facts.Site.IsZero() {
		r.report.Site, r.report.OrgID, r.report.OrgName = facts.Site.Domain(), facts.OrgID, oneLine(facts.OrgName)
	}
	consent := r.askForConsent(ctx)
	for i, s := range steps {
		r.begin(i + 1)
		s.do(r, ctx)
	}
	if consent != nil {
		r.awaitConsent(ctx, consent)
		r.set(r.siteLine(facts.Site)) // which what came of the consent may have changed
	}
	return r.end(), r.cause
}

func orClock(now func() time.Time) func() time.Time {
	if now == nil {
		return time.Now
	}
	return now
}

// begin opens the step with this number.
func (r *run) begin(number int) {
	r.change(func(rep *Report) {
		rep.Steps = append(rep.Steps, Step{Number: number, Title: steps[number-1].title, Lines: []Line{}})
	})
}

// add puts a line at the end of the step under way.
func (r *run) add(l Line) {
	l = r.unlessEnded(l)
	r.change(func(rep *Report) {
		last := &rep.Steps[len(rep.Steps)-1]
		last.Lines = append(last.Lines, l)
	})
}

// set replaces the line with the same id.
func (r *run) set(l Line) {
	l = r.unlessEnded(l)
	r.change(func(rep *Report) {
		for i := range rep.Steps {
			for j := range rep.Steps[i].Lines {
				if rep.Steps[i].Lines[j].ID == l.ID {
					rep.Steps[i].Lines[j] = l
				}
			}
		}
	})
}

// unlessEnded takes back what failed because the check was stopped. What was seen stays: it may name something that was left behind.
func (r *run) unlessEnded(l Line) Line {
	if l.Result != Fail || r.ctx.Err() == nil {
		return l
	}
	todo := runAgain
	if l.Todo != "" {
		todo += ", and " + l.Todo
	}
	return notTested(l.ID, l.What, "the check ended while this was looked at: "+l.Evidence, todo)
}

const (
	endedEarly = "the check ended before this was looked at"
	runAgain   = "run the check again"
)

// change edits the report and saves a copy of it. A check whose report cannot be kept is of no use, so it ends.
func (r *run) change(edit func(*Report)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	edit(&r.report)
	if r.cause != nil {
		return
	}
	if r.cause = r.Save(r.report.Clone()); r.cause != nil {
		r.cancel()
	}
}

// end closes what is open.
func (r *run) end() Report {
	r.change(func(rep *Report) {
		*rep = rep.Ended(r.Now(), endedEarly)
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.report.Clone()
}

// Clone shares nothing with r.
func (r Report) Clone() Report {
	r.Scopes, r.Steps = slices.Clone(r.Scopes), slices.Clone(r.Steps)
	for i := range r.Steps {
		r.Steps[i].Lines = slices.Clone(r.Steps[i].Lines)
	}
	return r
}

// Ended is r as of a check that is over: lines without a result get NotTested, with why as their evidence.
func (r Report) Ended(at time.Time, why string) Report {
	r = r.Clone()
	r.EndedAt, r.ConsentLink = at, ""
	for i := range r.Steps {
		for j := range r.Steps[i].Lines {
			if l := &r.Steps[i].Lines[j]; l.Result == "" {
				l.Result, l.Evidence, l.Todo = NotTested, why, runAgain
			}
		}
	}
	return r
}

// passes reports whether the step with this number passed.
func (r *run) passes(number int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.report.PassedStep(number)
}

func pass(id, what, evidence string) Line { return line(id, what, Pass, evidence, "") }

func fail(id, what, evidence, todo string) Line { return line(id, what, Fail, evidence, todo) }

// broken is fail where the error is a verdict.
func broken(id, what string, err error, todo string) Line {
	if errors.Is(err, ErrUnjudged) {
		return notTested(id, what, err.Error(), runAgain)
	}
	return fail(id, what, err.Error(), todo)
}

func notTested(id, what, evidence, todo string) Line {
	return line(id, what, NotTested, evidence, todo)
}

// optional is l as of a line that its step does not need.
func optional(l Line) Line {
	l.Optional = true
	return l
}

func line(id, what string, result Result, evidence, todo string) Line {
	return Line{ID: id, What: oneLine(what), Result: result, Evidence: oneLine(evidence), Todo: oneLine(todo)}
}

// open is a line that is being worked on.
func open(id, what string) Line { return Line{ID: id, What: oneLine(what)} }

// sleep is false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(max(d, 0))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// when formats a moment.
func when(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 MST") }

func orUnknown(s string) string { return cmp.Or(s, "unknown") }
