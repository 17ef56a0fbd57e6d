package flow

import (
	"net/http"
	"unicode/utf8"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
)

// result is what the last page shows. It travels in a sealed cookie of the browser that consented, so that any collector can make the page,
// again and for some minutes, and nobody else can read it.
type result struct {
	ID      string `json:"i"` // hash of the id in the page's address
	Tenant  string `json:"t"`
	Org     string `json:"o,omitempty"`
	Site    string `json:"s"`
	Last4   string `json:"k,omitempty"`
	Pending bool   `json:"p,omitempty"` // the change of organisation waits for an operator
}

// maxShownName keeps the cookie small enough, whatever an organisation is called.
const maxShownName = 200

// toResult ends a good consent at an address without code and state.
func (f *Flow) toResult(w http.ResponseWriter, r *http.Request, done grant.Connected) {
	id := grant.NewSecret()
	cookie, err := sealValue(f, purposeResult, resultLife, result{
		ID: grant.Hash(id), Tenant: done.Tenant, Org: cutName(done.OrgName), Site: done.Site.Name() + " (" + done.Site.Domain() + ")",
		Last4: done.Last4, Pending: done.ChangePending,
	})
	if err != nil { // the page without details will do
		f.Logger.Warn("The last page of a consent has no details", zap.String("tenant", done.Tenant), zap.Error(err))
	} else {
		setCookie(w, resultCookieName(id), cookie, resultLife)
	}
	http.Redirect(w, r, f.prefix+"/connected/"+id, http.StatusSeeOther)
}

func cutName(name string) string {
	if len(name) <= maxShownName {
		return name
	}
	end := maxShownName
	for end > 0 && !utf8.RuneStart(name[end]) {
		end--
	}
	return name[:end] + "…"
}

// connected is where a good consent ends. Neither the page nor its address holds a secret.
func (f *Flow) connected(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("result")
	res, ok := f.readResult(r, id)
	switch {
	case !ok:
		// Some minutes later, or in another browser. A browser is sent to such an address by a good consent only.
		f.message(w, http.StatusOK, "Nothing more to do here", "If Datadog's consent page sent you here, Datadog has your answer. You may now close this tab")
	case res.Pending:
		f.render(w, http.StatusOK, "pending.html", pendingData{Partner: f.PartnerName, Tenant: res.Tenant})
	default:
		f.render(w, http.StatusOK, "connected.html", connectedData{Partner: f.PartnerName, Tenant: res.Tenant, Org: res.Org, Site: res.Site, Last4: res.Last4})
	}
}

func (f *Flow) readResult(r *http.Request, id string) (result, bool) {
	cookie, err := r.Cookie(resultCookieName(id))
	if err != nil {
		return result{}, false
	}
	res, err := openValue[result](f, purposeResult, cookie.Value)
	return res, err == nil && res.ID == grant.Hash(id)
}
