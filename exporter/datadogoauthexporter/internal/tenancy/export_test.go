package tenancy

import (
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// ParkWhile parks r, and calls meanwhile when it has its room and is on no shelf yet.
func (d *Dispatcher) ParkWhile(r *intake.Request, meanwhile func()) error {
	d.mu.Lock()
	s := d.reserve(r.Key(), r, false, time.Now())
	d.mu.Unlock()
	meanwhile()
	return d.shelve(s)
}

// Lanes is how many lanes are known.
func (d *Dispatcher) Lanes() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.lanes)
}
