package admin

import (
	"context"
	"errors"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
)

// orderTime bounds an order: a mint is some calls to Datadog, one after the other.
const orderTime = 2 * time.Minute

// order serves one of Orders: it answers with the tenant as it is after. read takes from the request's body what do needs to know.
func (a *Admin) order(what string, read bodyReader, do func(g Orders, ctx context.Context, tenant, text, by string) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !a.isReady(w) {
			return
		}
		name := r.PathValue("tenant")
		text, status, err := read(w, r)
		if err == nil {
			status, err = http.StatusUnprocessableEntity, grant.CheckReadable(name)
		}
		if err != nil {
			problem(w, status, err.Error())
			return
		}
		giveTime(w, orderTime)
		if a.done(w, r, what, do(a.grants, r.Context(), name, text, nameOf(r)), zap.String("tenant", name)) {
			a.answerTenant(w, name)
		}
	}
}

// bodyReader reads what an order takes. The status goes with the error.
type bodyReader func(w http.ResponseWriter, r *http.Request) (text string, status int, err error)

// nothing is the body of most orders: none, or {}.
func nothing(w http.ResponseWriter, r *http.Request) (text string, status int, err error) {
	if r.ContentLength == 0 {
		return "", 0, nil
	}
	status, err = readJSON(w, r, &struct{}{})
	return "", status, err
}

// reason reads {"reason": "…"}, which may be left out.
func reason(w http.ResponseWriter, r *http.Request) (text string, status int, err error) {
	if r.ContentLength == 0 {
		return "", 0, nil
	}
	var body struct {
		Reason string `json:"reason"`
	}
	status, err = readJSON(w, r, &body)
	return body.Reason, status, err
}

// orgID reads {"org_id": "…"}. It has to be there: another consent may have taken the place of the one that was looked at.
func orgID(w http.ResponseWriter, r *http.Request) (text string, status int, err error) {
	var body struct {
		OrgID string `json:"org_id"`
	}
	if status, err = readJSON(w, r, &body); err == nil && body.OrgID == "" {
		return "", http.StatusUnprocessableEntity, errors.New("org_id: name the organisation of the change that you confirm, as GET /v1/changes lists it")
	}
	return body.OrgID, status, err
}

// silent is an order that takes nothing but the tenant.
func silent(do func(g Orders, ctx context.Context, tenant, by string) error) func(g Orders, ctx context.Context, tenant, text, by string) error {
	return func(g Orders, ctx context.Context, tenant, _, by string) error { return do(g, ctx, tenant, by) }
}

// done logs what was ordered, by whom and how it ended, and answers itself, and returns false, when it was not done.
func (a *Admin) done(w http.ResponseWriter, r *http.Request, what string, err error, fields ...zap.Field) bool {
	if status, text := a.outcome(what, nameOf(r), err, fields...); text != "" {
		problem(w, status, text)
		return false
	}
	return true
}

// outcome logs what was ordered, by whom and how it ended, and returns what to tell whoever ordered it: no text when it was done.
func (a *Admin) outcome(what, by string, err error, fields ...zap.Field) (status int, text string) {
	fields = append([]zap.Field{zap.String("order", what), zap.String("by", by)}, fields...)
	switch {
	case err == nil:
		a.logger.Info("an operator's order was carried out", fields...)
		return http.StatusOK, ""
	case errors.Is(err, ErrUnknown):
		return http.StatusNotFound, err.Error()
	case errors.Is(err, ErrInvalid):
		return http.StatusUnprocessableEntity, err.Error()
	case errors.Is(err, ErrRefused):
		a.logger.Info("an operator's order was refused", append(fields, zap.Error(err))...)
		return http.StatusConflict, err.Error()
	default:
		a.logger.Error("an operator's order failed", append(fields, zap.Error(err))...)
		return http.StatusInternalServerError, "this was not done, or not to its end; the collector's log says why, and the status page how things are"
	}
}

// giveTime lets one answer take longer than the listener's timeout. A server without deadlines needs none.
func giveTime(w http.ResponseWriter, d time.Duration) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(d))
}
