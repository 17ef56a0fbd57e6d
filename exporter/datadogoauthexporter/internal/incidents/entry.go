package incidents

import (
	"encoding/json"
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
	// Since is when the incident was about to be created.
	Since time.Time `json:"since,omitzero"`
	// Searched is when a search for it was first answered.
	Searched time.Time `json:"searched,omitzero"`
	// Owner is the process that works on the entry, and Touched when it last wrote it. Where it is silent for too long another one takes over.
	Owner    string    `json:"owner,omitempty"`
	Touched  time.Time `json:"touched"`
	Failures int       `json:"failures,omitempty"`
}

// pending says that something is left to do.
func (e *entry) pending() bool {
	return e.State == stateCreating || e.State == stateSearching || e.Waiting > 0 && (e.State == stateNew || e.State == stateOpen)
}

// orphaned says that nobody works on the entry.
func (e *entry) orphaned(now time.Time) bool {
	return e.Owner == "" || now.Sub(e.Touched) > orphanAfter
}

// orphanAfter is longer than the wait between two attempts and a call together, as a rule. Where it is not, two processes may work on one
// entry, which costs a call and creates nothing twice.
const orphanAfter = 3 * time.Minute

func decode(stored credential.JournalEntry) (entry, error) {
	var e entry
	if stored.Version == 0 {
		return e, nil
	}
	if err := json.Unmarshal(stored.Value, &e); err != nil {
		return e, fmt.Errorf("journal entry of incident %q cannot be read: %w", stored.Key, err)
	}
	return e, nil
}
