package tenancy

import (
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// Waiting is how long the oldest item of an intake that lies in the park has existed, and which part that is of the age at which it is too old to be
// sent. The share is 0 where any age will do.
type Waiting struct {
	Age   time.Duration
	Share float64
}

// Waiting tells it of every intake. It looks at each parked request.
func (d *Dispatcher) Waiting(now time.Time) (all [intake.NumFamilies]Waiting) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var oldest [intake.NumFamilies]int64
	for _, s := range d.park.shelves {
		for _, e := range s.requests {
			if o := &oldest[e.Family]; e.Oldest > 0 && (*o == 0 || e.Oldest < *o) {
				*o = e.Oldest
			}
		}
	}
	for f, seconds := range oldest {
		if seconds == 0 {
			continue
		}
		w := &all[f]
		w.Age = max(now.Sub(time.Unix(seconds, 0)), 0)
		if most := d.set.MaxAge(intake.Family(f)); most > 0 {
			w.Share = float64(w.Age) / float64(most)
		}
	}
	return all
}

// ParkUsed is which part of its bytes the park has in use, and which part of its own the tenant that has most.
func (d *Dispatcher) ParkUsed() (all, tenant float64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.park.used()
}

// Down is whether an intake of a site is down, so that few requests try it. Intakes to which nothing was sent are not listed.
type Down struct {
	Site   string
	Family intake.Family
	Down   bool
}

// Destinations tells it of every intake that data was sent to.
func (d *Dispatcher) Destinations() (all []Down) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for key, to := range d.destinations {
		if key.site != "" { // where strangers' data would go
			all = append(all, Down{key.site, key.family, to.open})
		}
	}
	return all
}
