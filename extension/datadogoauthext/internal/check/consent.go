package check

import (
	"context"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

const (
	verifierID   = "step1.wrong_verifier"
	verifierWhat = "The token endpoint refuses a wrong code verifier"
	verifierTodo = "run the check with consent and open the link that it shows: only a code that a consent gave can be tried. Nothing is connected by it"
)

// pendingConsent is a link that somebody may press while the other steps run.
type pendingConsent struct {
	until time.Time
	end   func(context.Context)
	err   error // why there is none
}

// askForConsent shows a link, where a consent was asked for.
func (r *run) askForConsent(ctx context.Context) *pendingConsent {
	if !r.Consent || r.facts.ConnectedAt.IsZero() {
		return nil
	}
	link, end, err := r.Grant.ConsentLink(ctx)
	if err != nil {
		return &pendingConsent{end: func(context.Context) {}, err: err}
	}
	r.change(func(rep *Report) { rep.ConsentLink = link })
	return &pendingConsent{until: r.Now().Add(r.ConsentWait), end: end}
}

// consentLook is how often it is looked whether a consent came. The record is in the store, since another collector may have got it.
const consentLook = 2 * time.Second

// awaitConsent waits for the consent and judges what came of the code.
func (r *run) awaitConsent(ctx context.Context, p *pendingConsent) {
	defer p.end(context.WithoutCancel(ctx))
	if p.err != nil {
		r.set(notTested(verifierID, verifierWhat, "no link could be made: "+p.err.Error(), runAgain))
		return
	}
	for {
		trial, err := r.Grant.Trial(ctx)
		switch {
		case err != nil:
			r.set(notTested(verifierID, verifierWhat, err.Error(), runAgain))
			return
		case trial != nil:
			r.set(judgeTrial(*trial, r.facts.Site))
			return
		case !r.Now().Before(p.until):
			r.set(notTested(verifierID, verifierWhat, "nobody gave consent at the link in time", verifierTodo))
			return
		}
		if !sleep(ctx, consentLook) {
			return
		}
	}
}

// judgeTrial takes a refusal for one of the verifier only where the code went to the tenant's own site: one of another site is refused
// whatever the verifier. The code is not sent once more with its right verifier, to see that it was good: the tokens of a second grant
// would have to be revoked, and whether that ends the tenant's own too is not known.
func judgeTrial(t Trial, own site.Site) Line {
	at := t.Host + " at " + when(t.At) + ": " + t.Said
	switch {
	case t.Accepted:
		return fail(verifierID, verifierWhat, at, "PKCE does not protect this client: whoever gets hold of a code can redeem it. Turn PKCE on for it in Datadog's developer "+
			"platform, and write to ecosystems@datadog.com if it is on. The tokens are being revoked")
	case t.Refused && t.Host != own.Hostname(site.HostAPI):
		return notTested(verifierID, verifierWhat, "the callback named another site than the tenant's, "+own.Domain()+", and a code of another site is refused whatever its verifier: "+at,
			"run the check with consent again, and agree for the organisation that the tenant is connected to; if that was so, compare the domain of the callback with the organisation's site: a customer's code would be refused the same way")
	case t.Refused:
		return pass(verifierID, verifierWhat, at+" (it does not say which of code and verifier was wrong; the code came with the callback of a consent, and went to the tenant's site)")
	default:
		return notTested(verifierID, verifierWhat, at, verifierTodo)
	}
}
