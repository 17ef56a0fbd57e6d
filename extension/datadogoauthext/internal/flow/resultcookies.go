package flow

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
)

// maxResults is how many last pages one browser keeps. Each has a cookie of up to some hundred bytes that goes with every request, and proxies
// refuse a request whose header is longer than they like.
const maxResults = 3

// dropOlderResults lets the browser keep the newest of its last pages beside the one whose cookie it is about to get. What cannot be opened is
// of no use and counts as the oldest.
func (f *Flow) dropOlderResults(w http.ResponseWriter, r *http.Request, except string) {
	type kept struct {
		name string
		made int64
	}
	var others []kept
	for _, c := range r.Cookies() {
		if strings.HasPrefix(c.Name, resultCookiePrefix) && c.Name != except {
			res, _ := openValue[result](f, purposeResult, c.Value)
			others = append(others, kept{c.Name, res.Made})
		}
	}
	slices.SortStableFunc(others, func(a, b kept) int { return cmp.Compare(b.made, a.made) })
	for _, old := range others[min(len(others), maxResults-1):] {
		dropCookie(w, old.name)
	}
}
