package intake

import "slices"

// BreakScopes makes scopes of an org's grants worth nothing: what they allow is answered 403, although the tokens have them. It replaces
// those that were named before; without any all work again.
func (in *Intake) BreakScopes(orgID string, scopes ...string) {
	o := in.org(orgID)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.broken = slices.Clone(scopes)
}

// isBroken reports whether BreakScopes named the scope.
func (o *org) isBroken(scope string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Contains(o.broken, scope)
}

// DropKinds is DropAll for some kinds of items, such as KindLogs. It replaces those that were named before; without any all are kept again.
func (in *Intake) DropKinds(orgID string, kinds ...string) {
	o := in.org(orgID)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lost = slices.Clone(kinds)
}
