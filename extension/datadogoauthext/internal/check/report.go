package check

import "time"

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
}

// Result is that of the step: Fail if a line failed, else empty if one is being worked on, else NotTested if none passed, else Pass.
func (s Step) Result() Result {
	result, running := NotTested, false
	for _, l := range s.Lines {
		switch l.Result {
		case Fail:
			return Fail
		case Pass:
			result = Pass
		case "":
			running = true
		}
	}
	if running {
		return ""
	}
	return result
}

// Open counts the lines of the step that are not tested.
func (s Step) Open() (n int) {
	for _, l := range s.Lines {
		if l.Result == NotTested {
			n++
		}
	}
	return n
}

// PassedStep reports whether a step passed.
func (r Report) PassedStep(number int) bool {
	for _, s := range r.Steps {
		if s.Number == number {
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
