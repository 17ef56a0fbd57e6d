package check

import (
	"context"
	"net"
	"net/url"
	"strings"
)

// review is the sixth step: what those who review the integration look at, as far as it can be seen from here.
func (r *run) review(ctx context.Context) {
	f := r.facts
	r.add(publicAddress("step6.public_url", "The onboarding address has the form of one that customers reach", "flow::public_url", f.PublicURL))
	r.add(publicAddress("step6.redirect_url", "The redirect address has the form of one that customers reach", "redirect_url of client "+f.Client, f.RedirectURL))
	r.add(r.sameOrigin())
	r.add(r.credentials())
	r.add(r.unusedScopes())
	const revokeID, revoke = "step6.revoke", "Tokens can be revoked"
	if f.Site.IsZero() {
		r.add(notTested(revokeID, revoke, "the tenant is not connected", reconnect))
	} else if err := r.Grant.RevokeUnknown(ctx); err != nil {
		r.add(broken(revokeID, revoke, err, "a disconnect would not end the authorisation at Datadog: check the client's credentials"))
	} else {
		r.add(pass(revokeID, revoke, "POST /oauth2/v1/revoke on api."+f.Site.Domain()+" took a token that was never given out, as RFC 7009 asks; nothing was revoked"))
	}
	r.add(optional(notTested("step6.uninstall", "Customers are told how to uninstall", "the text is on the integration's page at Datadog, which is not read from here",
		"have it say: revoke the integration under Organization Settings, Mobile and Third-Party Access, and disable the API key with \"OAuth Client API Key\""+ofClient(f.KeyName)+" in its name")))
}

func ofClient(keyName string) string {
	if before, _, ok := strings.Cut(keyName, "OAuth Client API Key"); ok && strings.TrimSpace(before) != "" {
		return " and " + strings.TrimSpace(before)
	}
	return ""
}

// publicAddress refuses what only this machine, or only the partner's network, can reach.
func publicAddress(id, what, key, raw string) Line {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return fail(id, what, key+" is "+raw, "set it to an https address that customers reach")
	}
	host := u.Hostname()
	ip := net.ParseIP(host)
	switch {
	case u.Scheme != "https":
		return fail(id, what, key+" is "+raw+", without TLS", "use https")
	case host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && (ip.IsLoopback() || ip.IsUnspecified()):
		return fail(id, what, key+" is "+raw+", which is this machine", "set it to an address that customers reach, and register that with the client")
	case ip != nil && ip.IsPrivate() || !strings.Contains(host, ".") && ip == nil:
		return fail(id, what, key+" is "+raw+", which only a private network has", "set it to an address that customers reach, and register that with the client")
	default:
		return pass(id, what, key+" is "+raw+"; it is not tried from outside")
	}
}

// sameOrigin: Datadog supports one address of the partner, not one for each customer.
func (r *run) sameOrigin() Line {
	const id, what = "step6.one_origin", "Onboarding and redirect address are of one origin, the same for all customers"
	public, err1 := url.Parse(r.facts.PublicURL)
	redirect, err2 := url.Parse(r.facts.RedirectURL)
	if err1 != nil || err2 != nil || public.Scheme != redirect.Scheme || public.Host != redirect.Host {
		return fail(id, what, r.facts.PublicURL+" and "+r.facts.RedirectURL, "use one origin for both; customers' own subdomains are not supported")
	}
	return pass(id, what, public.Scheme+"://"+public.Host)
}

func (r *run) credentials() Line {
	const id, what = "step6.credentials", "The published credentials are in use"
	f := r.facts
	name := "client " + f.Client + " (client_id …" + tail(f.ClientID) + ")"
	switch {
	case f.Stage == "published":
		return pass(id, what, name+" is the published one")
	case f.Published:
		return notTested(id, what, name+" is a test client; another client is published", "run the check for a tenant that is connected with the published client")
	default:
		return notTested(id, what, name+" is a test client, and no client is published", "Datadog shows id and secret of the published client once, when the integration is submitted: configure them with stage published")
	}
}

func (r *run) unusedScopes() Line {
	const id, what = "step6.scopes", "Every scope of the client is used"
	switch unused := r.unused(); {
	case len(r.facts.Scopes) == 0:
		return notTested(id, what, "Datadog did not say which scopes it gave", "compare the client's scopes in Datadog's developer platform with the lines of step 5")
	case len(unused) > 0:
		return fail(id, what, "nothing here uses "+list(unused), "take them off the client, unless another part of the integration uses them: least privilege is a criterion of the review")
	default:
		evidence := list(r.facts.Scopes)
		if only := r.onlyChecked(); len(only) > 0 {
			evidence += "; with " + list(only) + " nothing but checks reads"
		}
		return pass(id, what, evidence)
	}
}
