package flow

import (
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// result is what the last page shows, after a consent that went well or not. It travels in a sealed cookie of the browser that began, so that
// any collector can make the page, again and for some time, and nobody else can read it.
type result struct {
	ID      string `json:"i,omitempty"` // hash of the id in the page's address
	Message string `json:"m"`
	Login   bool   `json:"l,omitempty"`
	Either  bool   `json:"x,omitempty"`
	By      string `json:"b,omitempty"` // whoever connects, for the audit
	Tenant  string `json:"t,omitempty"`
	Org     string `json:"o,omitempty"` // its name
	Last4   string `json:"k,omitempty"`
	// Site parameters, or empty.
	Site    string `json:"s,omitempty"`
	Started string `json:"a,omitempty"`
	Meant   string `json:"h,omitempty"`
	Vanity  string `json:"v,omitempty"` // the organisation's own app origin, where the consent began there
	// Of a consent that is stored and has no key.
	Client string `json:"c,omitempty"`
	OrgID  string `json:"d,omitempty"`
	Change string `json:"w,omitempty"` // that of the ConnectError
	Wait   int64  `json:"n,omitempty"` // Unix seconds before which it is too early to try again
	Made   int64  `json:"e,omitempty"` // Unix milliseconds
}

const (
	resultLife = 10 * time.Minute
	// againLife is for a page that offers to try again: whoever may revoke a key at Datadog has to be found first.
	againLife = 24 * time.Hour
	// maxShownName keeps the cookie small enough, whatever an organisation is called.
	maxShownName = 200
)

// connectedResult is that of a good consent.
func connectedResult(base result, done grant.Connected) result {
	base.Message, base.Org, base.Site, base.Last4, base.Change = "connected", cutName(done.OrgName), done.Site.Domain(), done.Last4, ""
	if done.ChangePending {
		base.Message = "change_pending"
	}
	return base
}

// mayTryAgain reports whether what is missing is the key alone, and Datadog may give one without another consent.
func (res result) mayTryAgain() bool {
	return res.OrgID != "" && (res.Message == grant.OutcomeKeyExists || res.Message == grant.OutcomeMintFailed)
}

func (res result) org() credential.Org {
	return credential.Org{Client: res.Client, Site: res.Site, ID: res.OrgID}
}

// toResult counts the end of a consent and sends its browser to an address without code and state, which shows it.
func (f *Flow) toResult(w http.ResponseWriter, r *http.Request, res result) {
	f.toResultAt(w, r, grant.NewSecret(), res)
}

func (f *Flow) toResultAt(w http.ResponseWriter, r *http.Request, id string, res result) {
	f.count(r.Context(), ends[res.Message].outcome)
	f.keepResult(w, r, id, res)
}

func (f *Flow) keepResult(w http.ResponseWriter, r *http.Request, id string, res result) {
	res.ID, res.Made = grant.Hash(id), f.Now().UnixMilli()
	life := resultLife
	if res.mayTryAgain() {
		life = againLife
	}
	if cookie, err := sealValue(f, purposeResult, life, res); err != nil { // the page without details will do
		f.Logger.Warn("The last page of a consent has no details", zap.String("tenant", res.Tenant), zap.Error(err))
	} else {
		f.dropOlderResults(w, r, resultCookieName(id))
		setCookie(w, resultCookieName(id), cookie, life)
	}
	http.Redirect(w, r, f.resultPath(id), http.StatusSeeOther)
}

func (f *Flow) resultPath(id string) string { return f.prefix + "/connected/" + id }

// toFailure is toResult for whoever is not known to be the browser that began, and may keep no cookie at all: what the page shows is in its
// address, sealed, so that nobody else can make such an address say something. It holds nothing of a customer: of came no more is kept than how
// they came.
func (f *Flow) toFailure(w http.ResponseWriter, r *http.Request, message string, came page) {
	sealed, err := sealValue(f, purposeFailure, resultLife, result{Message: message, Login: came.Login, Either: came.Either})
	if err != nil {
		f.Logger.Error("The last page of a consent could not be sealed", zap.Error(err))
		f.fail(w, r, "internal", came)
		return
	}
	f.count(r.Context(), ends[message].outcome)
	http.Redirect(w, r, f.resultPath(sealed), http.StatusSeeOther)
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

// connected is where a consent ends, well or not. Neither the page nor its address holds a secret.
func (f *Flow) connected(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("result")
	res, ok := f.readResult(r, id)
	if !ok { // some time later, or in another browser
		f.message(w, r, http.StatusOK, "over")
		return
	}
	f.showResult(w, r, id, res)
}

func (f *Flow) showResult(w http.ResponseWriter, r *http.Request, id string, res result) {
	p := page{Message: res.Message, Login: res.Login, Either: res.Either, Tenant: isolate(res.Tenant), Org: isolate(res.Org), Last4: res.Last4, Vanity: res.Vanity, Change: res.Change != ""}
	p.Site, _ = site.ByDomain(res.Site)
	p.Started, _ = site.ByDomain(res.Started)
	p.Meant, _ = site.ByDomain(res.Meant)
	status := ends[res.Message].status
	if res.mayTryAgain() {
		p.Retry = f.resultPath(id) + "/again"
		if wait := res.Wait - f.Now().Unix(); wait > 0 {
			status, p.Seconds = http.StatusTooManyRequests, int(wait)
			w.Header().Set("Retry-After", strconv.Itoa(p.Seconds))
		}
	}
	name := "message.html"
	if res.Message == "connected" || res.Message == "change_pending" {
		name = "connected.html"
	}
	f.render(w, r, status, name, p)
}

// readResult reads the cookie that belongs to an address, or the address that needs none.
func (f *Flow) readResult(r *http.Request, id string) (result, bool) {
	cookie, err := r.Cookie(resultCookieName(id))
	if err != nil {
		res, err := openValue[result](f, purposeFailure, id)
		return res, err == nil
	}
	res, err := openValue[result](f, purposeResult, cookie.Value)
	return res, err == nil && res.ID == grant.Hash(id)
}
