package check

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Result is how one line ended.
type Result string

// The results. What could not be found out is NotTested, never Pass.
const (
	Pass      Result = "pass"
	Fail      Result = "fail"
	NotTested Result = "not tested"
)

// Report is what a check of one tenant found. None of it is secret, but the names of customers are in it.
type Report struct {
	ID        string    `json:"id"`
	Tenant    string    `json:"tenant"`
	By        string    `json:"by"` // who asked, by the name of the admin token
	StartedAt time.Time `json:"started_at"`
	// EndedAt is zero while the check runs.
	EndedAt time.Time `json:"ended_at,omitzero"`
	Client  string    `json:"client,omitempty"` // name of the OAuth client in the configuration
	Stage   string    `json:"stage,omitempty"`  // test or published
	Site    string    `json:"site,omitempty"`
	OrgID   string    `json:"org_id,omitempty"`
	OrgName string    `json:"org_name,omitempty"`
	// Scopes are those that the grant has.
	Scopes []string `json:"scopes,omitempty"`
	// Steps are those that began, in their order.
	Steps []Step `json:"steps"`
	// ConsentLink is there while the check waits for somebody to give consent. Whoever opens it connects nothing.
	ConsentLink string `json:"consent_link,omitempty"`
}

// Step is one of the six.
type Step struct {
	Number int    `json:"number"`
	Title  string `json:"title"`
	Lines  []Line `json:"lines"`
}

// Line is one thing that was looked at.
type Line struct {
	ID   string `json:"id"` // the same in every report, such as "step2.validate_v1"
	What string `json:"what"`
	// Result is empty while the line is being worked on.
	Result   Result `json:"result"`
	Evidence string `json:"evidence,omitempty"` // what was seen
	Todo     string `json:"todo,omitempty"`     // what to do; empty where there is nothing
	// Optional lines need not be tested for their step to pass: nobody can, or there is nothing here to test.
	Optional bool `json:"optional,omitempty"`
}

// Result is that of the step: Fail if a line failed, else empty if one is being worked on, else NotTested if one is that the step needs, or none
// passed, else Pass.
func (s Step) Result() Result {
	var passed, running, open bool
	for _, l := range s.Lines {
		switch l.Result {
		case Fail:
			return Fail
		case Pass:
			passed = true
		case "":
			running = true
		default: // NotTested, and any word that this version does not know
			open = open || !l.Optional
		}
	}
	switch {
	case running:
		return ""
	case passed && !open:
		return Pass
	default:
		return NotTested
	}
}

// MarshalJSON adds the step's result, which nobody reads back.
func (s Step) MarshalJSON() ([]byte, error) {
	type plain Step
	return json.Marshal(struct {
		plain
		Result Result `json:"result"`
	}{plain(s), s.Result()})
}

// MarshalJSON adds how many lines ended how, which nobody reads back.
func (r Report) MarshalJSON() ([]byte, error) {
	type plain Report
	passed, failed, notTested := r.Counts()
	return json.Marshal(struct {
		plain
		Passed    int `json:"passed"`
		Failed    int `json:"failed"`
		NotTested int `json:"not_tested"`
	}{plain(r), passed, failed, notTested})
}

// Sum says in words how many lines of the step ended how.
func (s Step) Sum() string {
	passed, failed, notTested := Report{Steps: []Step{s}}.Counts()
	var parts []string
	for _, p := range []struct {
		n    int
		what string
	}{{passed, "passed"}, {failed, "failed"}, {notTested, "not tested"}} {
		if p.n > 0 {
			parts = append(parts, strconv.Itoa(p.n)+" "+p.what)
		}
	}
	return strings.Join(parts, ", ")
}

// besides are lines that a check looks at only where it is asked to, and one that asks a preview of Datadog's.
var besides = []string{verifierID, twiceID, ownerID}

// PassedStep reports whether a step passed where those that are besides may be not tested.
func (r Report) PassedStep(number int) bool {
	for _, s := range r.Steps {
		if s.Number == number {
			s.Lines = slices.DeleteFunc(slices.Clone(s.Lines), func(l Line) bool { return l.Result != Fail && slices.Contains(besides, l.ID) })
			return s.Result() == Pass
		}
	}
	return false
}

// Counts says how many lines ended how.
func (r Report) Counts() (passed, failed, notTested int) {
	for _, s := range r.Steps {
		for _, l := range s.Lines {
			switch l.Result {
			case Pass:
				passed++
			case Fail:
				failed++
			case NotTested:
				notTested++
			}
		}
	}
	return passed, failed, notTested
}

// Running reports whether the check has not ended.
func (r Report) Running() bool { return r.EndedAt.IsZero() }
