package incidents

import (
	"context"
	"errors"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

var errTooMany = errors.New("too many incidents wait to be brought to Datadog; send again later")

// Take notes a record in the journal. From then on it is the worker's. A record that is not needed any more, since a later one was there first
// or since nobody knows whether the incident exists, is dropped with the reason; the reason counts with dropped only.
//
// An error is worth a retry, and a record that is taken twice counts once.
func (w *Worker) Take(ctx context.Context, tenant string, org credential.Org, r Record) (why intake.Reason, dropped bool, err error) {
	at := address{org, r.Key}
	w.mu.Lock()
	full := w.tasks[at] == nil && len(w.tasks) >= maxTasks
	w.mu.Unlock()
	if full {
		return 0, false, errTooMany
	}
	e, err := w.change(ctx, at, func(e *entry) bool {
		dropped = false
		switch now := time.Now(); {
		case e.State == "", e.State == stateClosed:
			*e = entry{Tenant: tenant, State: stateNew, Want: r, Owner: w.owner}
		case e.State == stateUnknown:
			why, dropped = intake.ReasonOutcomeUnknown, true
			return false
		case r.At < e.Want.At:
			why, dropped = intake.ReasonStale, true
			return false
		case e.Waiting > 0 && e.Want.says(r):
			return false // taken before: the caller was told to send again
		default:
			if !e.pending() || e.orphaned(now) {
				e.Owner, e.Tenant = w.owner, tenant
			}
			e.Want.merge(r)
		}
		e.Waiting++
		return true
	})
	if err != nil || dropped {
		return why, dropped, err
	}
	if e.Owner == w.owner {
		w.add(at, e.Waiting, time.Now())
		w.nudge()
	}
	return 0, false, nil
}
