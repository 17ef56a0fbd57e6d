package oauth

import "github.com/ory/fosite"

// LiveTokens counts the access and refresh tokens of an organisation that still work, of whatever client.
func (w *World) LiveTokens(org OrgRef) int {
	w.mu.RLock()
	defer w.mu.RUnlock()
	site, ok := w.sites[org.Site]
	if !ok {
		return 0
	}
	n := 0
	for _, r := range site.store.access {
		if orgOf(r) == org && w.now().Before(r.GetSession().GetExpiresAt(fosite.AccessToken)) {
			n++
		}
	}
	for _, t := range site.store.refresh {
		if !t.dead && orgOf(t.Requester) == org {
			n++
		}
	}
	return n
}
