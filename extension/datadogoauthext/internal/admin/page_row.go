package admin

import (
	"net/url"
	"strings"
	"time"
)

// rowView is one tenant in the list.
type rowView struct {
	Tenant string
	Path   string // of its own page
	slots  slots

	Flow, Site, Org       slot
	Facts, Reasons        []slot // of token, key and hold, in this order; then what else asks for a person
	Last4, KeyAge         slot
	Sent, SentBy          slot
	Error, Parked, Waited slot
}

// newRow is a row of the list. elsewhere says that nothing is sent by this collector, which then knows of no send.
func newRow(s TenantStatus, figures []SendFigure, now time.Time, elsewhere bool) rowView {
	r := rowView{Tenant: s.Tenant, Path: tenantPath(s.Tenant)}
	add := r.slots.add
	r.Flow = flowSlot(&r.slots, s)
	r.Site, r.Org = add("site", "site", s.Site), add("org", "org", orgText(s))
	r.Facts, r.Reasons = factSlots(&r.slots, s)
	r.Last4, r.KeyAge = add("last4", "mono", last4(s)), add("keyage", "soft", keyAge(now, s))

	sum := sumOf(figures)
	never := "never"
	if elsewhere {
		never = "not known here"
	}
	r.Sent = add("sent", "", ago(now, sum.LastSent, never))
	r.SentBy = add("sentby", "soft", sum.name())
	r.Error = errorSlot(&r.slots, "error", sum, s, now)
	r.Parked = add("parked", level2(sum.Parked > 0, levelWait, ""), parkedText(sum.Parked))
	r.Waited = add("waited", "soft", oldest(now, sum.ParkedSince))
	return r
}

func tenantPath(name string) string { return "/tenants/" + url.PathEscape(name) }

func flowSlot(to *slots, s TenantStatus) slot {
	if s.Sending {
		return to.add("flow", "flow on", "sending")
	}
	return to.add("flow", "flow", "not sending")
}

func orgText(s TenantStatus) string {
	switch {
	case s.OrgName != "":
		return s.OrgName
	case s.OrgID != "":
		return s.OrgID
	default:
		return "no organisation yet"
	}
}

func last4(s TenantStatus) string {
	if s.KeyLast4 == "" {
		return "none"
	}
	return "…" + s.KeyLast4
}

// keyAge is that of the key, not of its state. A key of which it is not known when it was minted is at least as old as its state.
func keyAge(now time.Time, s TenantStatus) string {
	if s.KeyMintedAt.IsZero() {
		return age(now, s.KeySince)
	}
	return age(now, s.KeyMintedAt)
}

// factSlots are the three facts, and with them what no fact says but a person should see, each with its reason.
func factSlots(to *slots, s TenantStatus) (facts, reasons []slot) {
	add := func(key, fact, state, reason string, l level) {
		text, why := "", ""
		if state != "" {
			text = fact + " " + state
		}
		if reason != "" {
			why = fact + ": " + reason
		}
		facts = append(facts, to.add(key, "chip "+string(l), text))
		reasons = append(reasons, to.add(key+"why", "why "+string(l), why))
	}
	add("token", "Token", orNone(s.Token), s.TokenReason, tokenLevel(s.Token))
	add("key", "Key", orNone(s.Key), s.KeyReason, keyLevel(s.Key, s.KeyReason))
	add("hold", "Hold", orNone(s.Hold), s.HoldReason, holdLevel(s.Hold))
	change, changeWhy := "", ""
	if s.Pending != nil {
		change, changeWhy = "pending", pendingText(*s.Pending)
	}
	add("change", "Change", change, changeWhy, levelBad)
	intakes, intakesWhy := refusedText(s.Refused)
	add("intakes", "Refused by", intakes, intakesWhy, levelBad)
	warning, warnings := "", s.warnings()
	if len(warnings) > 0 {
		warning = "scope missing"
	}
	add("warning", "Warning", warning, strings.Join(warnings, "; "), levelWait)
	return facts, reasons
}

func orNone(state string) string {
	if state == "" {
		return "none"
	}
	return state
}

// pendingText says where a change of organisation would lead. Only a person can tell whether it is meant.
func pendingText(p PendingChange) string {
	name := p.OrgName
	if name == "" {
		name = "organisation " + p.OrgID
	}
	return "somebody consented for " + name + " of " + p.Site + ". Nothing is sent there unless it is confirmed by " + moment(p.ExpiresAt) + " UTC"
}

// refusedText says what to do about intakes that refuse data whose key Datadog calls valid.
func refusedText(refused []RefusedIntake) (intakes, why string) {
	if len(refused) == 0 {
		return "", ""
	}
	names, since := make([]string, len(refused)), refused[0].Since
	for i, r := range refused {
		names[i] = r.Intake
		if r.Since.Before(since) {
			since = r.Since
		}
	}
	return strings.Join(names, ", "), "since " + moment(since) + " UTC with 403 although the key is valid: the organisation may lack the product, or Datadog has to " +
		"enable the intake for it. It is tried again every few minutes, and at once after a pause and resume"
}

// level2 is l where the condition holds, else the other.
func level2(holds bool, l, other level) string {
	if holds {
		return string(l)
	}
	return string(other)
}

// figureSum is what the figures of a tenant come to: its latest send, its error, and all that waits.
type figureSum struct {
	SendFigure
	errorAt SendFigure // that of the latest error among the intakes that fail, or among all where none does
}

func sumOf(figures []SendFigure) figureSum {
	var sum figureSum
	for _, f := range figures {
		if f.LastSent.After(sum.LastSent) {
			sum.Signal, sum.Intake, sum.LastSent = f.Signal, f.Intake, f.LastSent
		}
		if was := sum.errorAt; f.fails() && !was.fails() || f.fails() == was.fails() && f.LastErrorAt.After(was.LastErrorAt) {
			sum.errorAt = f
		}
		sum.Parked += f.Parked
		if !f.ParkedSince.IsZero() && (sum.ParkedSince.IsZero() || f.ParkedSince.Before(sum.ParkedSince)) {
			sum.ParkedSince = f.ParkedSince
		}
	}
	sum.LastError, sum.LastErrorAt = sum.errorAt.LastError, sum.errorAt.LastErrorAt
	return sum
}

// fails reports whether the intake took nothing since its last error.
func (f SendFigure) fails() bool { return f.LastErrorAt.After(f.LastSent) }

func (f SendFigure) name() string {
	if f.Signal == "" || f.Signal == f.Intake {
		return f.Intake
	}
	return f.Signal + ", " + f.Intake
}

// errorSlot shows an error: as a fault while nothing was taken there since, else as one of the past. Where a fact stops the tenant, that says why
// nothing is sent.
func errorSlot(to *slots, key string, sum figureSum, s TenantStatus, now time.Time) slot {
	f := sum.errorAt
	if f.LastError == "" {
		return to.add(key, "", "")
	}
	class := "past"
	if s.Sending && f.fails() {
		class = "why " + string(levelBad)
	}
	return to.add(key, class, age(now, f.LastErrorAt)+" ago, "+f.Intake+": "+shortError(f.LastError, s))
}

// shortError is an error without what stands beside it on the page: of which tenant it is, and which site.
func shortError(text string, s TenantStatus) string {
	if _, after, ok := strings.Cut(text, " of tenant "+s.Tenant+" to "+s.Site+": "); ok {
		return after
	}
	return strings.TrimPrefix(text, "tenant "+s.Tenant+": ")
}

func oldest(now, since time.Time) string {
	if since.IsZero() {
		return ""
	}
	return "oldest " + age(now, since)
}

func parkedText(items int64) string {
	if items == 0 {
		return ""
	}
	return plural(items, "item")
}
