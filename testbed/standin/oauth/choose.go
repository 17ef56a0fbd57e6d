package oauth

import (
	"slices"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/hosts"
)

// offered lists the organisations that the person before a consent page can choose.
//
// At US1's app host that is every commercial site, since a consent that starts at the partner starts there. At any other
// app host it is that site. A vanity host belongs to one organisation of its zone, which may live on any site in it; a
// vanity label that no organisation claimed offers the whole zone. A test client adds nothing: an organisation that is
// not its own can be chosen, and leads to the error page.
func (w *World) offered(t hosts.Target, client Client) []Org {
	us1 := hosts.Sites()[0]
	var claimed, open []Org
	for _, o := range w.orgs {
		site := w.sites[o.Site].site
		switch {
		case w.unlisted[o.OrgRef]:
		case t.Vanity != "" && site.InZone(t.Site):
			if o.Subdomain == t.Vanity {
				claimed = append(claimed, o)
			}
			open = append(open, o)
		case t.Vanity == "" && o.Site == t.Site.Domain:
			open = append(open, o)
		case t.Vanity == "" && t.Site.Domain == us1.Domain && !site.Government:
			open = append(open, o)
		}
	}
	if len(claimed) > 0 {
		return claimed
	}
	if client.TestOrg != nil && !slices.ContainsFunc(open, func(o Org) bool { return o.OrgRef == *client.TestOrg }) {
		return nil // nothing on this page could succeed
	}
	return open
}

// pick finds the chosen organisation by id or name; without a chosen site it is the organisation's own, if that is clear.
func pick(orgs []Org, site, org string) (Org, bool) {
	found := slices.DeleteFunc(slices.Clone(orgs), func(o Org) bool {
		return o.ID != org && o.Name != org || site != "" && o.Site != site
	})
	if len(found) != 1 {
		return Org{}, false
	}
	return found[0], true
}

// sitesOf is the content of the site chooser: the sites of the organisations at US1's app host, nothing elsewhere.
func sitesOf(orgs []Org, t hosts.Target) []hosts.Site {
	if t.Vanity != "" || t.Site.Domain != hosts.Sites()[0].Domain {
		return nil
	}
	return slices.DeleteFunc(hosts.Sites(), func(s hosts.Site) bool {
		return s.Government || !slices.ContainsFunc(orgs, func(o Org) bool { return o.Site == s.Domain })
	})
}
