package incidents

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

var errTooMany = errors.New("too many incidents wait to be brought to Datadog; send again later")

// Take notes a record in the journal. From then on it is the worker's. A record that is not needed any more, since a later one was there first
// or since nobody knows whether the incident exists, is dropped with the reason; the reason counts with dropped only.
//
// An error is worth a retry. A record that is taken again counts once and makes no call.
func (w *Worker) Take(ctx context.Context, tenant string, org credential.Org, r Record) (why intake.Reason, dropped bool, err error) {
	why, what, err := w.enter(ctx, tenant, org, r)
	return why, what == leftOut, err
}

// taking is what became of a record that was to be taken.
type taking uint8

const (
	taken taking = iota
	takenBefore
	leftOut
)

func (w *Worker) enter(ctx context.Context, tenant string, org credential.Org, r Record) (why intake.Reason, what taking, err error) {
	at := address{org, r.Key}
	w.mu.Lock()
	full := w.tasks[at] == nil && len(w.tasks) >= maxTasks
	w.mu.Unlock()
	if full {
		return 0, taken, errTooMany
	}
	e, err := w.change(ctx, at, func(e *entry) bool {
		what = taken
		switch now := time.Now(); {
		case e.State == "", e.State == stateClosed:
			*e = entry{Tenant: tenant, State: stateNew, Want: r, Owner: w.owner}
		case e.State == stateUnknown:
			why, what = intake.ReasonOutcomeUnknown, leftOut
			return false
		case slices.Contains(e.Taken, r.Digest):
			what = takenBefore
			return false
		case r.At < e.Want.At:
			why, what = intake.ReasonStale, leftOut
			return false
		default:
			if !e.pending() || e.orphaned(now) {
				e.Owner, e.Tenant = w.owner, tenant
			}
			e.Want.merge(r)
		}
		e.note(r.Digest)
		e.Waiting++
		return true
	})
	switch {
	case errors.Is(err, errUnreadable):
		w.set.Logger.Error("A record about an incident is dropped", zap.Error(err))
		return intake.ReasonUnreadable, leftOut, nil
	case err != nil || what == leftOut:
		return why, what, err
	}
	if e.Owner == w.owner {
		w.add(at, e.Waiting, laterOf(time.Now(), e.Due))
		w.nudge()
	}
	return 0, what, nil
}
