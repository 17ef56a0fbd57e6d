package incidents

import "github.com/datadogoauth/otelcol-datadogoauth/credential"

// shown is what the holder of grants shows people of an entry, whose value it does not read.
func (e *entry) shown() credential.JournalNote {
	n := credential.JournalNote{Tenant: e.Tenant, State: credential.JournalDone, Since: e.Since}
	switch {
	case e.State == stateUnknown:
		n.State = credential.JournalUnknown
	case e.State == stateSearching:
		n.State = credential.JournalSearching
	case e.pending():
		n.State = credential.JournalWaiting
	}
	return n
}
