package admin

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"time"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
)

//go:embed status.html
var statusHTML string

//go:embed status.css
var statusCSS []byte

// statusPage escapes by context: names of tenants and orgs are whatever the partner and the customer's browser sent.
var statusPage = template.Must(template.New("status").Parse(statusHTML))

// page answers with the status of every tenant. It is complete without script and asks no other machine for anything.
func (a *Admin) page(w http.ResponseWriter, r *http.Request, _ *session) {
	var view statusView
	view.PublicURL = a.publicURL
	view.At = time.Now().UTC()
	if view.Ready, view.Why = a.grants.Ready(); view.Ready {
		if q, ok := a.grants.Quarantine(); ok {
			view.Quarantine = &q
		}
		all, _, _ := a.grants.Query(Query{})
		view.add(all)
		view.Incidents = a.viewIncidents(r.Context(), view.At)
	}
	var body bytes.Buffer // so that a fault of the template ends in a 500 and not in half a page
	if err := statusPage.Execute(&body, view); err != nil {
		a.logger.Error("the status page could not be written", zap.Error(err))
		http.Error(w, "The status page could not be written; the collector's log says why.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = body.WriteTo(w)
}

func style(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	_, _ = w.Write(statusCSS)
}

type statusView struct {
	PublicURL  string
	Ready      bool
	Why        string // the grants are not loaded; may be empty
	Quarantine *Quarantine
	At         time.Time
	Rows       []statusRow
	Sending    int
	Incidents  *incidentsView // nil where there is nothing to say of them
	Attention  int            // tenants with a fact that a person should look at
}

type statusRow struct {
	TenantStatus
	Badges   []badge
	Warnings []string
	KeyAge   string
}

// badge shows one fact: Level picks the colour and Mark says the same without colour.
type badge struct {
	Fact, State, Reason string
	Level               level
	Mark                string
}

// level is also the badge's class in status.css.
type level string

const (
	levelGood level = "good"
	levelWait level = "wait" // passes by itself
	levelBad  level = "bad"  // a person has to act
	levelNone level = "none" // nothing to say
)

var marks = map[level]string{levelGood: "✓", levelWait: "…", levelBad: "!", levelNone: "–"}

func (v *statusView) add(statuses []TenantStatus) {
	for _, s := range statuses {
		row := statusRow{
			TenantStatus: s,
			Badges: []badge{
				newBadge("Token", s.Token, s.TokenReason, tokenLevel(s.Token)),
				newBadge("Key", s.Key, s.KeyReason, keyLevel(s.Key, s.KeyReason)),
				newBadge("Hold", s.Hold, s.HoldReason, holdLevel(s.Hold)),
			},
			Warnings: s.warnings(),
			KeyAge:   age(v.At, s.KeySince),
		}
		if p := s.Pending; p != nil {
			row.Badges = append(row.Badges, newBadge("Change", "pending", pendingText(*p), levelBad))
		}
		for _, i := range s.Refused {
			row.Badges = append(row.Badges, newBadge("Intake "+i.Intake, "refused", refusedText(i), levelBad))
		}
		if s.Sending {
			v.Sending++
		}
		for _, b := range row.Badges {
			if b.Level == levelBad {
				v.Attention++
				break
			}
		}
		v.Rows = append(v.Rows, row)
	}
}

// pendingText says where a change of organisation would lead. Only a person can tell whether it is meant.
func pendingText(p PendingChange) string {
	return fmt.Sprintf("somebody consented for %s of %s (org_id %s). Nothing is sent there. Confirm it with POST /v1/tenants/%s/change/confirm or reject it with …/change/reject, by %s UTC",
		cmp.Or(p.OrgName, "an organisation"), p.Site, p.OrgID, url.PathEscape(p.Tenant), p.ExpiresAt.UTC().Format("2006-01-02 15:04"))
}

// refusedText says what to do about an intake that refuses data whose key Datadog calls valid.
func refusedText(i RefusedIntake) string {
	return fmt.Sprintf("since %s UTC this intake answers 403 although the key is valid: the organisation may lack the product, or Datadog has to enable the intake for it. "+
		"It is tried again every few minutes, and at once after a pause and resume", i.Since.UTC().Format("2006-01-02 15:04"))
}

func newBadge(fact, state, reason string, l level) badge {
	if state == "" {
		state = "none"
	}
	return badge{Fact: fact, State: state, Reason: reason, Level: l, Mark: marks[l]}
}

func tokenLevel(state string) level {
	switch grant.TokenFact(state) {
	case "", grant.TokenNone:
		return levelNone
	case grant.TokenOK:
		return levelGood
	case grant.TokenFailing:
		return levelWait
	default: // reauthorise, and any word this page does not know
		return levelBad
	}
}

// keyLevel: a key that is not there for a reason was asked for and not given, which only a person can change.
func keyLevel(state, reason string) level {
	switch grant.KeyFact(state) {
	case "", grant.KeyNone:
		if reason != "" {
			return levelBad
		}
		return levelNone
	case grant.KeyOK:
		return levelGood
	case grant.KeyMinting, grant.KeyFresh:
		return levelWait
	default: // refused, exists-unknown
		return levelBad
	}
}

func holdLevel(state string) level {
	switch grant.Hold(state) {
	case "", grant.HoldNone, grant.HoldDisconnected: // disconnected on purpose: nobody has to act
		return levelNone
	case grant.HoldPaused:
		return levelWait
	default: // unreadable
		return levelBad
	}
}

// age is how long since is ago, in the largest unit that says enough; empty for a zero time.
func age(now, since time.Time) string {
	if since.IsZero() {
		return ""
	}
	d := max(now.Sub(since), 0)
	switch {
	case d < time.Minute:
		return "under a minute"
	case d < time.Hour:
		return plural(int(d.Minutes()), "minute")
	case d < 48*time.Hour:
		return plural(int(d.Hours()), "hour")
	default:
		return plural(int(d.Hours()/24), "day")
	}
}

func plural(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}
