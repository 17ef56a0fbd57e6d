package incidents

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

const (
	// maxHeld bounds the records that wait for the journal in memory.
	maxHeld = 1000
	// maxHeldBytes bounds what they take.
	maxHeldBytes = 8 << 20
	// noteFor bounds an attempt to note a record while its sender waits.
	noteFor = 5 * time.Second
	// maxHeldFailures ends a round of attempts: the journal is down.
	maxHeldFailures = 3
)

// held is a record that the journal could not take.
type held struct {
	tenant string
	org    credential.Org
	record Record
}

// Offer is Take for a record whose sender is not told to send again, since other things came with it that are not to be refused. While the
// journal is down, up to maxHeld records of maxHeldBytes wait for it in memory, in the order in which they came; what comes above is dropped.
func (w *Worker) Offer(ctx context.Context, tenant string, org credential.Org, r Record) (why intake.Reason, dropped bool) {
	w.mu.Lock()
	behind := len(w.held) > 0
	w.mu.Unlock()
	if !behind {
		ctx, cancel := context.WithTimeout(ctx, noteFor)
		defer cancel()
		why, what, err := w.enter(ctx, tenant, org, r)
		if err == nil {
			if what == takenBefore { // its sender sent it twice, and both were accepted
				w.set.Observer.Delivered(intake.Incidents, 1)
			}
			return why, what == leftOut
		}
		if w.tell(org) {
			w.set.Logger.Warn("A record about an incident cannot be noted in the journal, and waits in memory; logged once every ten minutes for an organisation",
				zap.String("tenant", tenant), zap.String("key", r.Key), zap.Error(err))
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over {
		return intake.ReasonShutdown, true
	}
	bytes := r.Bytes
	for _, h := range w.held {
		bytes += h.record.Bytes
	}
	if len(w.held) >= maxHeld || bytes > maxHeldBytes {
		return intake.ReasonQueueFull, true
	}
	w.held = append(w.held, held{tenant, org, r})
	w.nudge()
	return 0, false
}

// note tries to note what is held, and says whether something is left.
func (w *Worker) note(ctx context.Context) (left bool) {
	w.mu.Lock()
	all := w.held // the head of it stays as it is: Offer appends
	w.mu.Unlock()
	var kept []held
	failures := 0
	for i, h := range all {
		if failures == maxHeldFailures || ctx.Err() != nil {
			kept = append(kept, all[i:]...)
			break
		}
		once, cancel := context.WithTimeout(ctx, noteFor)
		why, what, err := w.enter(once, h.tenant, h.org, h.record)
		cancel()
		switch {
		case err != nil:
			failures++
			kept = append(kept, h)
		case what == leftOut:
			w.set.Observer.Dropped(intake.Incidents, why, 1)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = append(kept, w.held[len(all):]...)
	return len(w.held) > 0
}

// letGo drops what is held when the process ends.
func (w *Worker) letGo() {
	w.mu.Lock()
	n := len(w.held)
	w.held, w.over = nil, true
	w.mu.Unlock()
	if n > 0 {
		w.set.Observer.Dropped(intake.Incidents, intake.ReasonShutdown, n)
		w.set.Logger.Error("Records about incidents are lost: the journal could not take them until the end", zap.Int("records", n))
	}
}
