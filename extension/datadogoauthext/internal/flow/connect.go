package flow

import (
	"context"
	"errors"
	"net/http"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
)

// connectPage shows who will be connected to whom.
func (f *Flow) connectPage(w http.ResponseWriter, r *http.Request) {
	inv, ok := f.invitation(w, r)
	if !ok {
		return
	}
	st, _, err := readStart(r.URL.RawQuery)
	if err != nil {
		f.Logger.Warn("A connect link carried a site that is none of Datadog's; nothing was contacted", zap.String("tenant", inv.Tenant), zap.Error(err))
		f.badSite(w, r, false)
		return
	}
	if !f.clientReady(w, r, inv.Client, inv.Tenant, false) {
		return
	}
	st.Invitation, st.Check = inv.Hash, inv.Check != ""
	f.showConsent(w, r, inv.Tenant, inv.Client, purposeStart, st)
}

// begin is the button of the connect page.
func (f *Flow) begin(w http.ResponseWriter, r *http.Request) {
	st, ok := f.readForm(w, r, purposeStart, r.PathValue("invitation"))
	if !ok {
		return
	}
	inv, ok := f.invitation(w, r)
	if !ok {
		return
	}
	if !f.clientReady(w, r, inv.Client, inv.Tenant, false) {
		return
	}
	chosen, err := st.chosen(r.PostForm)
	if err != nil {
		f.wrongAddress(w, r, inv.Tenant, inv.Client, purposeStart, st, err)
		return
	}
	f.beginConsent(w, r, grant.Flow{Tenant: inv.Tenant, Client: inv.Client, Invitation: inv.Hash}, chosen)
}

// maxInvitation bounds the last part of a connect link, whose secret has 43 characters.
const maxInvitation = 128

// invitation finds the invitation of the request's link, or answers itself.
func (f *Flow) invitation(w http.ResponseWriter, r *http.Request) (grant.Invitation, bool) {
	if !f.ready(w, r) {
		return grant.Invitation{}, false
	}
	secret := r.PathValue("invitation")
	inv, err := grant.Invitation{}, grant.ErrNoInvitation
	if len(secret) <= maxInvitation {
		err = f.lookUp(r.Context(), func(ctx context.Context) (err error) {
			inv, err = f.Grants.Invitation(ctx, secret)
			return err
		})
	}
	switch {
	case errors.Is(err, grant.ErrNoInvitation):
		f.fail(w, r, "no_invitation", page{})
		return inv, false
	case err != nil:
		f.Logger.Error("An invitation could not be read", zap.Error(err))
		f.fail(w, r, "store_failed", page{})
		return inv, false
	}
	if _, ok := f.Clients[inv.Client]; !ok {
		f.Logger.Error("An invitation names a client that is not in the configuration; make a new invitation", zap.String("client", inv.Client), zap.String("tenant", inv.Tenant))
		f.fail(w, r, "no_invitation", page{})
		return inv, false
	}
	return inv, true
}
