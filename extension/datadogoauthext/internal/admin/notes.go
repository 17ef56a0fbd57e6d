package admin

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/audit"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/ratelimit"
)

// note records what the operator of a token did.
func (a *Admin) note(ctx context.Context, name, via string, r audit.Record) {
	a.grants.Note(grant.WithActor(ctx, grant.Actor{Kind: "operator", Name: name, Via: via}), r)
}

// noteLoginFailed records that somebody showed no token that is known.
func (a *Admin) noteLoginFailed(r *http.Request, via string) {
	network := ratelimit.NetworkOf(r.RemoteAddr).String()
	a.counted(r.Context(), &a.failedLogins, network, "from "+network, audit.Record{Actor: audit.Actor{Kind: "unknown", Via: via}, What: "login failed", Routine: true})
}

// noteRefusedRole records that a token asked for what its role may not do.
func (a *Admin) noteRefusedRole(r *http.Request, token Token, roles []Role, via string) {
	ctx := grant.WithActor(r.Context(), grant.Actor{Kind: "operator", Name: token.Name, Via: via})
	a.counted(ctx, &a.refusedRoles, token.Name, refusedRole(token, roles)+": "+r.Pattern, audit.Record{What: "role refused", Tenant: r.PathValue("tenant"), Routine: true})
}

// noteReport records that somebody took the report of a tenant's check away.
func (a *Admin) noteReport(r *http.Request, name, via, tenant string) {
	ctx := grant.WithActor(r.Context(), grant.Actor{Kind: "operator", Name: name, Via: via})
	a.counted(ctx, &a.reports, name+" "+tenant, "", audit.Record{What: "report downloaded", Tenant: tenant, Routine: true})
}

// counted records what can happen all the time, at most once a minute for each key; its reason says how often it did.
func (a *Admin) counted(ctx context.Context, t *tally, key, reason string, r audit.Record) {
	n, others, tell := t.add(key, time.Now())
	if !tell {
		return
	}
	r.Reason = reason
	if n > 1 {
		r.Reason += fmt.Sprintf("; %d times since the record before", n)
	}
	if others > 0 {
		r.Reason += fmt.Sprintf("; %d more of others, which have no record", others)
	}
	a.grants.Note(ctx, r)
}

const (
	// tallyEvery is how often there may be a record of the same.
	tallyEvery = time.Minute
	// maxTallied bounds how many keys are told apart in that time. Beyond that they are one.
	maxTallied = 100
)

// tally counts what happens under keys, and says when it is time for a record. What happened since the last one is told by the next.
type tally struct {
	mu     sync.Mutex // guards the rest
	counts map[string]*tallied
	others int // not told, of keys that are forgotten
}

type tallied struct {
	told time.Time
	n    int // since told
}

// add counts one. Where tell is true, n is how often it was the key since it was last told, this time included.
func (t *tally) add(key string, now time.Time) (n, others int, tell bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for other, c := range t.counts {
		if other != key && now.Sub(c.told) >= tallyEvery {
			t.others += c.n
			delete(t.counts, other)
		}
	}
	c := t.counts[key]
	if c == nil && len(t.counts) >= maxTallied {
		key = ""
		c = t.counts[key]
	}
	if c == nil {
		if t.counts == nil {
			t.counts = map[string]*tallied{}
		}
		c = &tallied{}
		t.counts[key] = c
	}
	c.n++
	if now.Sub(c.told) < tallyEvery {
		return 0, 0, false
	}
	n, others = c.n, t.others
	c.n, c.told, t.others = 0, now, 0
	return n, others, true
}
