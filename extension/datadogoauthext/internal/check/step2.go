package check

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

const (
	ownerID = "step2.validate_v2"
	twiceID = "step2.second_mint"
)

// keySettles is how long after its mint a key may not be known everywhere.
const keySettles = 10 * time.Second

const keyRecovery = "in Organization Settings, API Keys of the customer's organisation the key has \"OAuth Client API Key\" in its name; revoke it there, then send the connect link or have it minted again"

// key is the second step.
func (r *run) key(ctx context.Context) {
	const (
		storedID, stored = "step2.key", "An API key was minted and is stored"
		v1ID, v1         = "step2.validate_v1", "Datadog calls the key valid"
		v2               = "The key belongs to the organisation of the grant"
		twice            = "A second key is refused"
	)
	f := r.facts
	if f.Hold == "disconnected" { // which somebody wanted
		why := "the tenant is disconnected"
		if f.KeyReason != "" {
			why += ": " + f.KeyReason
		}
		for _, l := range [][2]string{{storedID, stored}, {v1ID, v1}, {ownerID, v2}, {twiceID, twice}} {
			r.add(notTested(l[0], l[1], why, "connect it, then run the check again"))
		}
		return
	}
	if !f.HasKey {
		todo := reconnect
		if f.Key == "exists-unknown" {
			todo = keyRecovery
		}
		if f.ConnectedAt.IsZero() {
			r.add(notTested(storedID, stored, "the tenant is not connected", todo))
		} else {
			r.add(fail(storedID, stored, "there is none; state "+f.Key+": "+f.KeyReason, todo))
		}
		for _, l := range [][2]string{{v1ID, v1}, {ownerID, v2}, {twiceID, twice}} {
			r.add(notTested(l[0], l[1], "there is no key", "see above"))
		}
		return
	}
	evidence := fmt.Sprintf("key …%s of %s, state %s", f.KeyLast4, when(f.KeyMintedAt), f.Key)
	if f.KeyName != "" {
		evidence += ", named " + f.KeyName
	}
	r.add(pass(storedID, stored, evidence))

	if !f.KeyMintedAt.IsZero() {
		sleep(ctx, keySettles-r.Now().Sub(f.KeyMintedAt))
	}
	host := "api." + f.Site.Domain()
	valid, err := r.Grant.ProveKeyV1(ctx)
	switch {
	case valid:
		r.add(pass(v1ID, v1, "GET /api/v1/validate on "+host+" answered valid: true"))
	case err == nil:
		r.add(fail(v1ID, v1, "GET /api/v1/validate on "+host+" says that the key is not valid", "it was probably revoked in the customer's Organization Settings, or is one of another site; "+reconnect+", which makes another"))
	default:
		r.add(notTested(v1ID, v1, err.Error(), runAgain))
	}
	owner, err := r.Grant.ProveKeyV2(ctx)
	switch {
	case err != nil:
		r.add(notTested(ownerID, v2, err.Error(), "the endpoint is a preview of Datadog's; run the check again"))
	case owner != f.OrgID:
		r.add(fail(ownerID, v2, fmt.Sprintf("GET /api/v2/validate on %s names %s, the grant is of %s", host, owner, f.OrgID),
			"nothing may be sent with it: pause the tenant, and let the customer connect again with a single organisation logged in"))
	default:
		r.add(pass(ownerID, v2, "GET /api/v2/validate on "+host+" names "+owner+", as the grant does"))
	}
	r.add(r.secondMint(ctx, twiceID, twice))
}

// secondMint asks for a key that Datadog has to refuse.
func (r *run) secondMint(ctx context.Context, id, what string) Line {
	if !r.Intrusive {
		return notTested(id, what, "a key would be made where Datadog does not refuse", "run the check with intrusive, where checks::intrusive allows it")
	}
	status, err := r.Grant.MintTwice(ctx)
	switch {
	case err != nil && status != http.StatusCreated:
		return notTested(id, what, err.Error(), runAgain)
	case status == http.StatusConflict:
		return pass(id, what, "the marketplace endpoint answered 409, and the key that is stored serves")
	default:
		became := "it was deleted"
		if err != nil {
			became = err.Error()
		}
		return fail(id, what, fmt.Sprintf("the marketplace endpoint answered %d and made another key; %s", status, became),
			"look for a second key with \"OAuth Client API Key\" in its name in the organisation, and revoke the one that does not end in …"+r.facts.KeyLast4)
	}
}
