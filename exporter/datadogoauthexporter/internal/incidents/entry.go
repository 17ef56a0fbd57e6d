package incidents

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
)

// state is how far an incident is.
type state string

const (
	stateNew       state = "new"       // to be created
	stateCreating  state = "creating"  // the call was about to be made, or was
	stateSearching state = "searching" // the call had no clear answer
	stateOpen      state = "open"      // it is at Datadog, under ID
	stateUnknown   state = "unknown"   // searched for, and not found in time
	stateClosed    state = "closed"    // it was not created, and is not to be; the next record begins anew
)

// entry is the value of a journal entry.
type entry struct {
	Tenant string `json:"tenant"`
	State  state  `json:"state"`
	ID     string `json:"id,omitempty"`
	// Want is what all records say together.
	Want Record `json:"want"`
	// Waiting counts the records that are in Want and not at Datadog.
	Waiting int `json:"waiting,omitempty"`
	// Taken are digests of the last records that were taken, the latest at the end.
	Taken []string `json:"taken,omitempty"`
	// Since is when the incident was about to be created.
	Since time.Time `json:"since,omitzero"`
	// Searched is when a search for it was first answered.
	Searched time.Time `json:"searched,omitzero"`
	// Owner is the process that works on the entry, and Touched when it last wrote it. Where it is silent for too long another one takes over.
	Owner    string    `json:"owner,omitempty"`
	Touched  time.Time `json:"touched"`
	Failures int       `json:"failures,omitempty"`
	// Due is until when the API asked to wait.
	Due time.Time `json:"due,omitzero"`
}

// pending says that something is left to do.
func (e *entry) pending() bool {
	return e.State == stateCreating || e.State == stateSearching || e.Waiting > 0 && (e.State == stateNew || e.State == stateOpen)
}

// orphaned says that nobody works on the entry.
func (e *entry) orphaned(now time.Time) bool {
	return e.Owner == "" || now.Sub(laterOf(e.Touched, e.Due)) > orphanAfter
}

// orphanAfter is longer than the wait between two attempts and a call together, as a rule. Where it is not, two processes may work on one
// entry, which costs a call and creates nothing twice.
const orphanAfter = 3 * time.Minute

// maxTaken is how many records of a key a call can have that is sent again, and none of them is taken twice.
const maxTaken = 16

func (e *entry) note(digest string) {
	e.Taken = append(e.Taken, digest)
	e.Taken = e.Taken[max(len(e.Taken)-maxTaken, 0):]
}

// laterOf is the later one of two moments.
func laterOf(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

var errUnreadable = errors.New("a journal entry cannot be read")

func decode(stored credential.JournalEntry) (entry, error) {
	var e entry
	if stored.Version == 0 {
		return e, nil
	}
	if err := json.Unmarshal(stored.Value, &e); err != nil {
		return e, fmt.Errorf("%w: incident %q: %w", errUnreadable, stored.Key, err)
	}
	return e, nil
}
