package admin

import "time"

// Sends is what is known of the data that this collector's exporters sent. Figures of other collectors on the same store are theirs.
type Sends interface {
	// Sends returns the figures of each of the tenants named that has any, in order of signal and intake. It costs what so many tenants cost.
	Sends(tenants []string) map[string][]SendFigure
	// SendHistory returns an empty one for a tenant that nothing was sent for.
	SendHistory(tenant string) SendHistory
	// Waits returns what becomes of data that cannot be sent, for each signal in order of name; none where no exporter says so.
	Waits() []SendWait
	// Sending reports whether an exporter of this collector sends with these grants at all.
	Sending() bool
}

// SendWait says how long data of one signal may wait, zero for any time, and how many encoded bytes of each tenant's.
type SendWait struct {
	Signal   string
	MaxAge   time.Duration
	MaxBytes int64
}

// SendFigure is what is known of one tenant at one intake since the start of the collector.
type SendFigure struct {
	Signal, Intake string // such as "metrics" and "series"
	// LastSent is when the intake last took a body, and LastError why it, or the way to it, last did not take one: one line, bounded, with nothing in
	// it that a peer wrote. Both stay when the other is newer. Zero and "" for never.
	LastSent    time.Time
	LastError   string
	LastErrorAt time.Time
	// Parked counts the items that wait until the tenant can be sent for. The oldest of them is of ParkedSince, by its own time; zero if none has one.
	Parked      int64
	ParkedSince time.Time
}

// SendHistory counts bodies by steps of time, oldest first. Both slices are of the same length.
type SendHistory struct {
	Step          time.Duration
	End           time.Time // of the last step, which is under way
	Sent, Refused []uint32  // bodies that an intake took; bodies that an intake, or the way to it, did not take, each try once
}

// sendFigure and sendHistory are those on the wire. Times are RFC 3339 in UTC and left out where there is none.
type sendFigure struct {
	Signal      string    `json:"signal"`
	Intake      string    `json:"intake"`
	LastSentAt  time.Time `json:"last_sent_at,omitzero"`
	LastError   string    `json:"last_error,omitempty"`
	LastErrorAt time.Time `json:"last_error_at,omitzero"`
	Parked      int64     `json:"parked"`
	ParkedSince time.Time `json:"parked_since,omitzero"`
}

type sendHistory struct {
	StepSeconds int       `json:"step_seconds"`
	End         time.Time `json:"end"`
	Sent        []uint32  `json:"sent"`
	Refused     []uint32  `json:"refused"`
}

// addFigures puts the figures of each tenant in the list into it.
func (a *Admin) addFigures(list []tenant) {
	names := make([]string, len(list))
	for i := range list {
		names[i] = list[i].Tenant
	}
	figures := a.grants.Sends(names)
	for i := range list {
		for _, f := range figures[list[i].Tenant] {
			list[i].Sends = append(list[i].Sends, sendFigure{f.Signal, f.Intake, f.LastSent.UTC(), f.LastError, f.LastErrorAt.UTC(), f.Parked, f.ParkedSince.UTC()})
		}
	}
}

// addSends puts what was sent for t into it.
func (a *Admin) addSends(t *tenant) {
	one := []tenant{*t}
	a.addFigures(one)
	t.Sends = one[0].Sends
	if h := a.grants.SendHistory(t.Tenant); len(h.Sent) > 0 {
		t.History = &sendHistory{int(h.Step / time.Second), h.End.UTC(), h.Sent, h.Refused}
	}
}
