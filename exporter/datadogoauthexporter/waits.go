package datadogoauthexporter

import (
	"slices"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
)

var _ credential.Waits = (*sharedSends)(nil)

// Waits implements credential.Waits. Kinds of data that travel with a signal and have an age of their own, such as events, are not in it.
func (s *sharedSends) Waits() (all []credential.Wait) {
	for _, c := range s.cores() {
		all = append(all, credential.Wait{Signal: c.signal, MaxAge: c.maxAge, MaxBytes: int64(c.cfg.Parking.limits(c.parking != nil).PerTenantBytes)})
	}
	return all
}

// Parked implements credential.Waits.
func (s *sharedSends) Parked() map[string]int64 {
	all := map[string]int64{}
	for _, c := range s.cores() {
		for _, lane := range c.dispatcher.Load().ParkedLanes(anyOf(nil)) {
			all[lane.Tenant] += int64(lane.Items)
		}
	}
	return all
}

// cores are those that are shown.
func (s *sharedSends) cores() []*core {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.running)
}
