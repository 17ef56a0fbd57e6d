package flow

import (
	"errors"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// again is the button of a last page whose consent is stored and has no API key: it asks Datadog for one, without another consent, and shows
// at the same address what came of it. What it may ask for is in the cookie of the browser that consented.
func (f *Flow) again(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("result")
	res, ok := f.readResult(r, id)
	if !ok || !res.mayTryAgain() { // it ran out, or went well in another tab
		http.Redirect(w, r, f.resultPath(id), http.StatusSeeOther)
		return
	}
	if !f.ready(w, r) {
		return
	}
	res.Wait = 0
	ctx := grant.WithActor(r.Context(), actor(res.By))
	done, err := f.Grants.TryKeyAgain(ctx, res.Tenant, res.org(), res.Change)
	switch {
	case errors.Is(err, grant.ErrTooSoon):
		f.keepWaiting(w, r, id, res, 10*time.Second)
		return
	case errors.Is(err, grant.ErrRefused) && !isConnectError(err):
		f.Logger.Warn("A customer may not try for the API key again", zap.String("tenant", res.Tenant), zap.Error(err))
		res.Message = "again_refused"
	case err != nil:
		at, _ := site.ByDomain(res.Site)
		res = f.notConnected(res, grant.Flow{Tenant: res.Tenant}, at, err)
	default:
		res = connectedResult(res, done)
	}
	f.toResultAt(w, r, id, res)
}

// againLater is again for an address that is over its limit.
func (f *Flow) againLater(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("result")
	res, ok := f.readResult(r, id)
	if !ok || !res.mayTryAgain() {
		f.overLimit(w, r)
		return
	}
	f.keepWaiting(w, r, id, res, limitWait)
}

// keepWaiting sends the browser back to its page, which has its button and its steps, and says for so long that it is too early to press it.
func (f *Flow) keepWaiting(w http.ResponseWriter, r *http.Request, id string, res result, wait time.Duration) {
	f.count(r.Context(), ends["too_many"].outcome)
	res.Wait = f.Now().Add(wait).Unix()
	f.keepResult(w, r, id, res)
}

func isConnectError(err error) bool {
	var why *grant.ConnectError
	return errors.As(err, &why)
}
