package admin

import (
	"net/http"
	"strings"
)

// A page of any web site can have the browser of whoever looks at it send requests here, from that person's address. Such a request can do
// nothing, since it brings neither token nor login; nor may it use up what that person, and every program on that machine, may ask for. One with a bearer
// token is none of these: a browser asks before it sends such a header elsewhere, and is not answered here.

// unlessForeign answers 403 to what the page of another origin has a browser send, before anything counts it. Browsers tell by Sec-Fetch-Site;
// those that do not know it (Safari before 16.4) tell of forms by Origin, which holds this origin because of the pages' Referrer-Policy. Whoever
// follows a link of such a page goes to visitor, which counts apart, and everybody else to next.
func (a *Admin) unlessForeign(next, visitor http.Handler) http.Handler {
	forms := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		elsewhere := fromElsewhere(r)
		switch {
		case hasBearer(r):
			next.ServeHTTP(w, r)
		case forms.Check(r) != nil || elsewhere && !followsLink(r):
			a.refuseForeign(w, r)
		case elsewhere:
			visitor.ServeHTTP(w, r)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func hasBearer(r *http.Request) bool {
	_, ok := presented(r)
	return ok && strings.HasPrefix(r.URL.Path, "/v1/")
}

// fromElsewhere reports whether a browser says that another origin began the request, be it another port of this host.
// https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header
func fromElsewhere(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return false
	default:
		return true
	}
}

// followsLink reports whether the answer takes the place of a page in a tab. A frame's does not: a page can have hundreds.
func followsLink(r *http.Request) bool {
	return r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
}

func (a *Admin) refuseForeign(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/v1/") {
		problem(w, http.StatusForbidden, "a web page of another origin had this sent, and without a token; send the header Authorization: Bearer")
		return
	}
	_ = asPage(w, r) // for its headers
	a.gate(w, http.StatusForbidden, gateView{Text: "Nothing was done: this was not sent by a page of this listener."})
}
