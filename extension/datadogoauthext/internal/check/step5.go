package check

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
)

// sendTime bounds the sending of all marked data.
const sendTime = time.Minute

// data is the fifth step: marked data of every kind is sent by the exporters, as real data is, and read back with the tenant's token.
func (r *run) data(ctx context.Context) {
	if why, todo := r.cannotSend(); why != "" {
		for _, p := range proofs {
			r.add(notTested(p.id, p.what, why, todo))
		}
		r.add(notTested(incidentID, incidentWhat, why, todo))
		r.scopes(ctx)
		return
	}
	for _, p := range proofs {
		r.add(open(p.id, p.what))
	}
	r.add(open(incidentID, incidentWhat))
	id := newID()
	writes := r.send(ctx, id)
	var all sync.WaitGroup
	for _, p := range proofs {
		all.Go(func() {
			w, sent := writes[p.kind]
			l := r.prove(ctx, p, id, w, sent)
			l.Optional = l.Optional || p.doubt != "" && l.Result == NotTested
			r.set(l)
			r.tryReaders(ctx, r.untried(p), id, w) // for the sake of their scopes
		})
	}
	all.Go(func() { r.set(r.incident(ctx, id)) })
	all.Wait()
	r.scopes(ctx)
}

// cannotSend says why nothing is sent for the tenant, and what to do.
func (r *run) cannotSend() (why, todo string) {
	switch f := r.facts; {
	case f.ConnectedAt.IsZero():
		return "the tenant is not connected", reconnect
	case f.Hold != "none" && f.Hold != "":
		return "the tenant is " + f.Hold, "resume or connect it, then run the check again"
	default:
		return "", ""
	}
}

func newID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// send has each kind sent by the first exporter that sends it for this tenant.
func (r *run) send(ctx context.Context, id string) map[credential.ProbeKind]credential.ProbeWrite {
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	writes := map[credential.ProbeKind]credential.ProbeWrite{}
	for _, p := range r.Probers {
		kinds := slices.DeleteFunc(slices.Clone(p.ProbeKinds()), func(k credential.ProbeKind) bool {
			_, sent := writes[k]
			return sent
		})
		if len(kinds) == 0 {
			continue
		}
		for _, w := range p.Probe(ctx, credential.Probe{Tenant: r.report.Tenant, ID: id, Kinds: kinds}) {
			writes[w.Kind] = w
		}
	}
	return writes
}

// prove reads one kind back.
func (r *run) prove(ctx context.Context, p proof, id string, w credential.ProbeWrite, sent bool) Line {
	readers := r.readersOf(p)
	switch {
	case !sent:
		if len(r.Probers) == 0 {
			return notTested(p.id, p.what, "no exporter datadogoauth of this collector sends with these grants", "run the check at a collector that sends data")
		}
		l := notTested(p.id, p.what, "no exporter of this collector is configured to send it for this tenant", "configure the exporter in a pipeline of this kind, if the integration sends it; else take the scopes that read it off the client")
		l.Optional = len(readers) == 0 // the integration does without
		return l
	case w.Err != nil && w.Unjudged:
		return r.unanswered(ctx, p, readers, id, w)
	case w.Err != nil:
		return fail(p.id, p.what, "not sent: "+w.Err.Error(), "cure what the error names; the exporter's README has the states of intakes")
	}
	accepted := fmt.Sprintf("%s took %s at %s", w.Host, quoted(w.Name), when(w.At))
	if len(p.readers) == 0 {
		return optional(notTested(p.id, p.what, accepted+"; service checks are write-only: Datadog has no endpoint that returns one", "look for the check "+w.Name+" in Datadog's web application"))
	}
	if len(readers) == 0 {
		return notTested(p.id, p.what, accepted+"; the grant has no scope that reads it back", "the scope "+p.readers[0].scope+" would help: add it to the client, and let the customer authorise again")
	}
	return r.lookFor(ctx, p, readers, id, w, accepted)
}

// unanswered looks for an item of which nobody said whether it was taken. It may be there all the same; that it is not says nothing.
func (r *run) unanswered(ctx context.Context, p proof, readers []reader, id string, w credential.ProbeWrite) Line {
	why := "not sent: " + w.Err.Error()
	if w.Host != "" {
		why = "whether it was taken is not known: " + w.Err.Error()
		if len(readers) > 0 {
			if l := r.lookFor(ctx, p, readers, id, w, why); l.Result != Fail {
				return l
			}
		}
	}
	return notTested(p.id, p.what, why, runAgain)
}

func quoted(name string) string {
	if name == "" {
		return "it"
	}
	return fmt.Sprintf("%.100q", name)
}

// readersOf are those whose scope the grant has, or may have: Datadog need not say which it gave.
func (r *run) readersOf(p proof) []reader {
	return slices.DeleteFunc(slices.Clone(p.readers), func(by reader) bool {
		return len(r.facts.Scopes) > 0 && !slices.Contains(r.facts.Scopes, by.scope)
	})
}

// lookFor looks until the item is there, nobody may look any more, or the time is over.
func (r *run) lookFor(ctx context.Context, p proof, readers []reader, id string, w credential.ProbeWrite, accepted string) Line {
	pl := p.plan.within(r.Wait)
	began := time.Now()
	answered, last := false, error(nil) // of the latest look: only a search that still answers can miss anything
	for wait := pl.first; ; wait = pl.every {
		if left := pl.giveUp - time.Since(began); left <= 0 {
			break
		} else if !sleep(ctx, min(wait, left)) {
			return notTested(p.id, p.what, accepted+"; the check ended before it was read back", runAgain)
		}
		found, saw, err := readers[0].look(ctx, r.api, id, w)
		r.note(readers[0].scope, readers[0].call, err)
		switch {
		case err == nil && found:
			return pass(p.id, p.what, fmt.Sprintf("%s; %s, %s after it was sent", accepted, saw, time.Since(began).Round(time.Second)))
		case err == nil:
			answered = true
		case refusedRead(err):
			answered, last = false, err
			if readers = readers[1:]; len(readers) == 0 {
				return notTested(p.id, p.what, accepted+"; it could not be read back: "+err.Error(), "see the scope "+p.readers[0].scope+" below")
			}
		default:
			answered, last = false, err
			pl.every = max(pl.every, askedWait(err))
		}
	}
	if !answered {
		return notTested(p.id, p.what, fmt.Sprintf("%s; it could not be read back: %v", accepted, last), runAgain)
	}
	missing := fmt.Sprintf("%s; it was not found within %s, although the search with the scope %s answers", accepted, pl.giveUp.Round(time.Second), readers[0].scope)
	if p.doubt != "" && pl.giveUp < p.plan.giveUp {
		return notTested(p.id, p.what, missing+", which is too soon to judge", "let checks::wait be "+p.plan.giveUp.String()+", and run the check again: "+p.doubt)
	}
	return fail(p.id, p.what, missing, p.whereToLook(id))
}

// whereToLook is what to do about data that was taken and is not found.
func (p proof) whereToLook(id string) string {
	if p.doubt != "" {
		return "look for version " + id + " of the service datadogoauth-probe in Datadog's APM: " + p.doubt + ". If Datadog has your own spans, and no hits of them, stats are being " +
			"lost: write to its support with the time and the host"
	}
	return "look for " + credential.ProbeTag + ":" + id + " in Datadog; an exclusion filter, a retention filter or a tag configuration of the organisation may hide it. If it is nowhere, " +
		"data is being lost: write to Datadog's support with the time and the host"
}

// untried are the readers of a kind that were not needed to find it.
func (r *run) untried(p proof) []reader {
	return slices.DeleteFunc(r.readersOf(p), func(by reader) bool { return r.useOf(by.scope) != (scopeUse{}) })
}

// tryReaders makes one call for each scope.
func (r *run) tryReaders(ctx context.Context, readers []reader, id string, w credential.ProbeWrite) {
	for _, by := range readers {
		_, _, err := by.look(ctx, r.api, id, w)
		r.note(by.scope, by.call, err)
	}
}

// refusedRead reports whether an answer says that this token may not read.
func refusedRead(err error) bool {
	status := statusOf(err)
	return status == http.StatusUnauthorized || status == http.StatusForbidden
}

func askedWait(err error) time.Duration {
	var answer *answerError
	if errors.As(err, &answer) {
		return answer.wait
	}
	return 0
}
