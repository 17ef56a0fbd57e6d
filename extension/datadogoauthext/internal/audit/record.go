package audit

import "time"

// Actor is who causes a change. The zero Actor is this program itself, on its own schedule.
type Actor struct {
	// Kind is "operator", "customer", "datadog", "unknown" for whoever shows no token that is known or, for this program, "".
	Kind string `json:"kind,omitempty"`
	// Name is an operator's token name, or the id of a customer's invitation or ticket. It is no secret.
	Name string `json:"name,omitempty"`
	// Via is the way by which it was asked: "api" and "page" of the admin listener, "flow" for the customers' pages, "check" for what a check does.
	Via string `json:"via,omitempty"`
}

// Change is one field, before and after; empty is none.
type Change struct {
	Field  string `json:"field"`
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}

// Record is one change.
type Record struct {
	ID    string    `json:"id"`
	At    time.Time `json:"at"`
	Actor Actor     `json:"actor,omitzero"`
	// What happened, in a few words that programs can compare: "grant paused".
	What   string `json:"what"`
	Tenant string `json:"tenant,omitempty"`
	Client string `json:"client,omitempty"`
	Site   string `json:"site,omitempty"`
	OrgID  string `json:"org_id,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Changes are in the order in which the fields are declared.
	Changes []Change `json:"changes,omitempty"`
	// Routine says that it happens all the time and is not kept for long.
	Routine bool `json:"routine,omitempty"`
	// Minor says that it is kept as long as any, and goes before those of changes of grants, keys and settings where there are too many.
	Minor bool `json:"minor,omitempty"`
}

// Class is that of its ID.
func (r Record) Class() Class {
	switch {
	case r.Routine:
		return Routine
	case r.Minor:
		return Minor
	default:
		return Lasting
	}
}
