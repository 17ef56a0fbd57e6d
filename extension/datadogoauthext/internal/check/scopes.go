package check

import (
	"context"
	"net/http"
	"slices"
	"strings"
)

// scopeUse is what calls found out about a scope.
type scopeUse struct {
	worked string // the call, or empty
	err    error  // of the latest call that did not work
}

// note keeps what came of a call that needs a scope.
func (r *run) note(scope, call string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	use := r.used[scope]
	if err != nil {
		use.err = err
	} else if use.worked == "" {
		use.worked = call + " answers"
	}
	r.used[scope] = use
}

// keyScope allows a key to be minted, and so all sending of data.
const keyScope = "api_keys_write"

// together are scopes that one call needs both of.
var together = map[string]string{"logs_read_index_data": "logs_read_data"}

// scopes has a line for each scope of the grant.
func (r *run) scopes(ctx context.Context) {
	if len(r.facts.Scopes) == 0 {
		r.add(notTested("step5.scope", "Each scope of the grant works", "Datadog did not say which scopes it gave", "compare the scopes of the client in Datadog's developer platform with the lines above"))
		return
	}
	if !slices.Contains(r.facts.Scopes, keyScope) {
		r.add(fail("step5.scope."+keyScope, "Scope "+keyScope, "the grant does not have it, and no data can be sent without", "add it to the client in Datadog's developer platform (marketplace@datadog.com if it cannot be chosen), and let the customer authorise again"))
	}
	for _, scope := range r.facts.Scopes {
		r.add(r.scope(ctx, scope))
	}
}

func (r *run) scope(ctx context.Context, scope string) Line {
	id, what := "step5.scope."+scope, "Scope "+scope
	if scope == keyScope {
		return r.scopeOfKeys(id, what)
	}
	by := scope
	if other, ok := together[scope]; ok {
		by = other
	}
	if path, ok := lists[scope]; ok && r.useOf(scope) == (scopeUse{}) && r.api != nil {
		short, _, _ := strings.Cut(path, "?")
		r.note(scope, "GET "+short, r.api.call(ctx, http.MethodGet, path, nil, nil))
	}
	if scope == incidentWrite && r.useOf(scope) == (scopeUse{}) {
		return notTested(id, what, "a test incident is made only by an intrusive check", incidentTodo)
	}
	use := r.useOf(by)
	switch {
	case use.worked != "":
		return pass(id, what, use.worked)
	case use.err == nil && !usedHere(scope):
		return notTested(id, what, "nothing here uses it", "take it off the client: least privilege is a criterion of the review")
	case use.err == nil:
		return notTested(id, what, "no call with it was made", "see the lines above")
	case statusOf(use.err) == http.StatusForbidden && !(by == "logs_read_data" && !lacksPermission(use.err)):
		return fail(id, what, "the grant has it, and yet "+use.err.Error(), "the user who gave consent may lack the permission, or the organisation the product: let a user who has both authorise again; "+
			"take the scope off the client if it is not needed")
	case refusedRead(use.err):
		return notTested(id, what, use.err.Error(), "the endpoint may not take OAuth tokens at this site: Datadog added that to its log search in 2026, and a 401 with a fresh token means the same elsewhere")
	default:
		return notTested(id, what, use.err.Error(), runAgain)
	}
}

// lacksPermission reports whether Datadog says that it is the permission, not the kind of credential.
func lacksPermission(err error) bool { return strings.Contains(err.Error(), "Failed permission") }

func (r *run) useOf(scope string) scopeUse {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.used[scope]
}

// scopeOfKeys is proved by a key that Datadog made.
func (r *run) scopeOfKeys(id, what string) Line {
	switch f := r.facts; {
	case f.HasKey:
		return pass(id, what, "the key …"+f.KeyLast4+" was minted with it")
	default:
		return notTested(id, what, "there is no key", "see step 2")
	}
}

// usedHere reports whether the extension, the exporter or this check has a call for a scope.
func usedHere(scope string) bool {
	_, listed := lists[scope]
	_, with := together[scope]
	return listed || with || scope == keyScope || scope == incidentWrite || slices.ContainsFunc(proofs, func(p proof) bool {
		return slices.ContainsFunc(p.readers, func(by reader) bool { return by.scope == scope })
	})
}

// onlyChecked are the scopes of the grant that this check has a call for, and neither extension nor exporter.
func (r *run) onlyChecked() []string {
	return slices.DeleteFunc(slices.Clone(r.facts.Scopes), func(scope string) bool {
		return scope == keyScope || scope == incidentWrite || scope == incidentRead
	})
}

// unused are the scopes of the grant that nothing has a call for.
func (r *run) unused() []string {
	return slices.DeleteFunc(slices.Clone(r.facts.Scopes), usedHere)
}
