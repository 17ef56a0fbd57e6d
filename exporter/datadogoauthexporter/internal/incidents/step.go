package incidents

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// step does what comes next for an entry. left is how many records wait then, wait how long to wait before the next step; both are 0 when
// nothing is left to do.
func (w *Worker) step(ctx context.Context, at address) (left int, wait time.Duration, err error) {
	e, err := w.take(ctx, at)
	if err != nil || !e.pending() {
		return e.Waiting, w.waitAfter(err), err
	}
	if e.Owner != w.owner { // another process is at it
		return 0, 0, nil
	}
	if why, lost := w.lost(&e, at); lost {
		return w.giveUp(ctx, at, why)
	}
	calls, err := w.api(e.Tenant, at.org)
	if err != nil {
		return w.giveUp(ctx, at, intake.ReasonRejected)
	}
	switch e.State {
	case stateNew:
		return w.create(ctx, at, calls)
	case stateSearching:
		return w.search(ctx, at, calls, e)
	default:
		return w.update(ctx, at, calls, e)
	}
}

// waitAfter is how long to wait after the journal could not be used.
func (w *Worker) waitAfter(err error) time.Duration {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, credential.ErrJournalConflict):
		return time.Millisecond
	default:
		return firstRetry
	}
}

// take reads an entry, and makes it this process's own if nobody works on it. One that is creating then had a call whose end nobody saw.
func (w *Worker) take(ctx context.Context, at address) (entry, error) {
	return w.change(ctx, at, func(e *entry) bool {
		now := time.Now()
		if !e.pending() || e.Owner != w.owner && !e.orphaned(now) {
			return false
		}
		if e.State == stateCreating {
			e.State = stateSearching
			e.Owner = w.owner
			return true
		}
		adopted := e.Owner != w.owner
		e.Owner = w.owner
		return adopted
	})
}

// change reads an entry, lets f change it, and writes it if f says so, until nobody else wrote in between. f may run several times.
func (w *Worker) change(ctx context.Context, at address, f func(*entry) bool) (entry, error) {
	for range maxConflicts {
		stored, err := w.set.Journal.ReadEntry(ctx, at.org, at.key)
		if err != nil {
			return entry{}, err
		}
		e, err := decode(stored)
		if err != nil || !f(&e) {
			return e, err
		}
		if err = w.write(ctx, stored, e); !errors.Is(err, credential.ErrJournalConflict) {
			return e, err
		}
	}
	return entry{}, credential.ErrJournalConflict
}

const maxConflicts = 50

func (w *Worker) write(ctx context.Context, stored credential.JournalEntry, e entry) error {
	now := time.Now()
	e.Touched = now
	raw, err := json.Marshal(e)
	if err != nil {
		return err
	}
	stored.Value, stored.Note, stored.Until = raw, e.shown(), now.Add(w.remember(e.State))
	_, err = w.set.Journal.WriteEntry(ctx, stored)
	return err
}

// remember is how long an entry is kept that is not changed. What is unknown is kept for good, but for a mass of them.
func (w *Worker) remember(s state) time.Duration {
	if s == stateUnknown && w.Figures().Unknown < maxUnknown {
		return max(w.set.Remember, forGood)
	}
	return w.set.Remember
}

// An entry of an unknown incident takes less than a kilobyte.
const (
	maxUnknown = 10_000
	forGood    = 10 * 365 * 24 * time.Hour
)

// settle is change for an answer that is known here and nowhere else: it does not end with ctx, and is tried for a while.
func (w *Worker) settle(ctx context.Context, at address, f func(*entry) bool) (entry, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), persistFor)
	defer cancel()
	for {
		e, err := w.change(ctx, at, f)
		if err == nil {
			return e, nil
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return e, fmt.Errorf("write down what became of incident %q: %w", at.key, err)
		}
	}
}

// lost tells whether the records of an entry are not to be sent any more, and why. ReasonStale stands for too old.
func (w *Worker) lost(e *entry, at address) (intake.Reason, bool) {
	org, err := w.set.Source.Org(e.Tenant)
	switch {
	case errors.Is(err, credential.ErrDisconnected):
		return intake.ReasonDisconnected, true
	case errors.Is(err, credential.ErrUnknownTenant):
		return intake.ReasonUnknownTenant, true
	case errors.Is(err, credential.ErrNotConnected):
		return intake.ReasonNotConnected, true
	case err == nil && org != at.org:
		return intake.ReasonOrgChanged, true
	case w.set.MaxAge > 0 && e.State != stateSearching && time.Since(time.Unix(0, e.Want.At)) > w.set.MaxAge:
		return intake.ReasonStale, true
	}
	return 0, false
}

// giveUp counts the waiting records as lost. An incident that was never to be created begins anew with the next record.
func (w *Worker) giveUp(ctx context.Context, at address, why intake.Reason) (int, time.Duration, error) {
	gave := 0
	_, err := w.settle(ctx, at, func(e *entry) bool {
		gave, e.Waiting, e.Failures = e.Waiting, 0, 0
		switch e.State {
		case stateNew:
			e.State = stateClosed
		case stateCreating, stateSearching:
			e.State = stateUnknown
		case stateOpen: // what was refused must not go with later records
			e.Want = e.Want.said()
		}
		return true
	})
	if err != nil {
		return gave, firstRetry, err
	}
	if why == intake.ReasonStale {
		w.set.Observer.Expired(intake.Incidents, gave)
	} else {
		w.set.Observer.Dropped(intake.Incidents, why, gave)
	}
	return 0, 0, nil
}

// create notes the intent, then makes the call. Whoever loses the race for the intent makes none.
func (w *Worker) create(ctx context.Context, at address, calls *api) (int, time.Duration, error) {
	var mine bool
	e, err := w.change(ctx, at, func(e *entry) bool {
		if mine = e.State == stateNew && e.Owner == w.owner; mine {
			e.State, e.Since, e.Searched = stateCreating, time.Now(), time.Time{}
		}
		return mine
	})
	if err != nil && mine { // the intent may be there, and no call was made for it
		return w.again(ctx, at, stateNew, err)
	}
	if err != nil || !mine {
		return e.Waiting, max(w.waitAfter(err), time.Millisecond), err
	}
	id, v, err := calls.create(ctx, &e.Want)
	switch v {
	case done:
		return w.opened(ctx, at, id, e.Waiting)
	case later:
		return w.again(ctx, at, stateNew, err)
	case unclear:
		return w.again(ctx, at, stateSearching, err)
	default:
		after, _, settled := w.reset(ctx, at, stateNew, time.Time{})
		if settled != nil {
			return after, firstRetry, settled
		}
		left, wait, lost := w.giveUp(ctx, at, intake.ReasonRejected)
		return left, wait, errors.Join(err, lost)
	}
}

// reset puts back the state of an entry that is creating.
func (w *Worker) reset(ctx context.Context, at address, to state, due time.Time) (left, failures int, err error) {
	e, err := w.settle(ctx, at, func(e *entry) bool {
		if e.State != stateCreating && e.State != to {
			return false // another process searches
		}
		e.State, e.Due = to, due
		e.Failures++
		return true
	})
	return e.Waiting, e.Failures, err
}

// again plans another attempt after a failure.
func (w *Worker) again(ctx context.Context, at address, to state, why error) (int, time.Duration, error) {
	left, failures, err := w.reset(ctx, at, to, w.rest(at.org, why))
	return left, backoff(failures), errors.Join(why, err)
}

// rest makes no more calls of an organisation before the time that an error asks for, and returns when that is, the zero time if it asks for none.
func (w *Worker) rest(org credential.Org, why error) (due time.Time) {
	wait := waitAsked(why)
	if wait == 0 {
		return due
	}
	due = time.Now().Add(wait)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rests[org] = due
	return due
}

// opened notes where the incident is, and that some records are there.
func (w *Worker) opened(ctx context.Context, at address, id string, delivered int) (int, time.Duration, error) {
	e, err := w.settle(ctx, at, func(e *entry) bool {
		e.State, e.ID, e.Failures = stateOpen, id, 0
		if e.Waiting = max(e.Waiting-delivered, 0); e.Waiting == 0 {
			e.Want = e.Want.said()
		}
		return true
	})
	if err != nil { // it is creating still, and is found
		return delivered, firstRetry, err
	}
	w.set.Observer.Delivered(intake.Incidents, delivered)
	return e.Waiting, 0, nil
}

// search looks for an incident that may have been created. One that is found is updated, so that it says what the records say. Only searches that
// were answered tell that it is not there, so SearchFor begins with the first of them and ends with another.
func (w *Worker) search(ctx context.Context, at address, calls *api, e entry) (int, time.Duration, error) {
	id, err := calls.find(ctx, at.key, e.Since)
	switch {
	case err == nil && id != "":
		e, err := w.settle(ctx, at, func(e *entry) bool {
			e.State, e.ID, e.Failures = stateOpen, id, 0
			return true
		})
		return e.Waiting, w.waitAfter(err), err
	case err == nil && !e.Searched.IsZero() && time.Since(e.Searched) > w.set.SearchFor:
		w.set.Logger.Error("It is unknown whether an incident was created: it was not found in time. It is not created again; create it by hand where it is missing",
			zap.String("tenant", e.Tenant), zap.String("key", at.key), zap.Time("attempted", e.Since))
		return w.giveUp(ctx, at, intake.ReasonOutcomeUnknown)
	default:
		answered, due := time.Now(), w.rest(at.org, err)
		e, settled := w.settle(ctx, at, func(e *entry) bool {
			if e.State == stateSearching {
				e.Due = due
				if e.Failures++; err == nil && e.Searched.IsZero() {
					e.Searched = answered
				}
			}
			return e.State == stateSearching
		})
		return max(e.Waiting, 1), backoff(e.Failures), errors.Join(err, settled)
	}
}

// update brings the waiting records to an incident that is there.
func (w *Worker) update(ctx context.Context, at address, calls *api, e entry) (int, time.Duration, error) {
	v, err := calls.update(ctx, e.ID, &e.Want)
	switch v {
	case done:
		return w.opened(ctx, at, e.ID, e.Waiting)
	case later:
		left, wait, settled := w.again(ctx, at, stateOpen, err)
		return left, wait, settled
	}
	left, wait, lost := w.giveUp(ctx, at, intake.ReasonRejected)
	return left, wait, errors.Join(err, lost)
}
