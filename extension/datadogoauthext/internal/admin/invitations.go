package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
)

// The life of an invitation. It travels by mail, so the default spans a weekend; grant.MaxInvitationLife bounds how long a
// link that leaked is of use.
const (
	defaultLifetime = 72 * time.Hour
	minLifetime     = time.Minute
)

const maxBodyBytes = 16 << 10

// invite answers {"tenant": "acme", "lifetime": "72h"} with 201 and {"link": "https://…", "expires_at": "…"}.
//
// lifetime is a Go duration and may be left out, and so may client, the name of a configured OAuth client. The link holds a secret that appears nowhere else, this answer being
// the only time: the log names the tenant and who asked.
func (a *Admin) invite(w http.ResponseWriter, r *http.Request) {
	if !a.isReady(w) {
		return
	}
	var body struct {
		Tenant   string `json:"tenant"`
		Client   string `json:"client"`
		Lifetime string `json:"lifetime"`
	}
	if status, err := readJSON(w, r, &body); err != nil {
		problem(w, status, err.Error())
		return
	}
	if err := grant.CheckTenant(body.Tenant); err != nil {
		problem(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	lifetime, err := parseLifetime(body.Lifetime)
	if err != nil {
		problem(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	by := nameOf(r)
	invitation, err := a.grants.Invite(r.Context(), body.Tenant, body.Client, lifetime, by)
	switch {
	case errors.Is(err, ErrInvalid):
		problem(w, http.StatusUnprocessableEntity, err.Error())
		return
	case errors.Is(err, ErrRefused):
		problem(w, http.StatusConflict, err.Error())
		return
	case err != nil:
		a.logger.Error("could not make a connect link", zap.String("tenant", body.Tenant), zap.String("by", by), zap.Error(err))
		problem(w, http.StatusInternalServerError, "the connect link could not be made; the collector's log says why")
		return
	}
	a.logger.Info("made a connect link", zap.String("tenant", body.Tenant), zap.String("by", by), zap.Time("expires_at", invitation.ExpiresAt))
	reply(w, http.StatusCreated, struct {
		Link      string    `json:"link"`
		ExpiresAt time.Time `json:"expires_at"`
	}{invitation.Link, invitation.ExpiresAt.UTC()})
}

// openInvitation is an OpenInvitation on the wire.
type openInvitation struct {
	ID        string    `json:"id"`
	Tenant    string    `json:"tenant"`
	Client    string    `json:"client"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
	CreatedBy string    `json:"created_by,omitempty"`
}

// listInvitations answers {"invitations": […], "total": n, "next": "…"}: those that still work and that the query selects, the newest first.
func (a *Admin) listInvitations(w http.ResponseWriter, r *http.Request) {
	query, err := readSection(r.URL.RawQuery, "q")
	if err != nil {
		problem(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	all, ok := listed(a, w, r, a.grants.Invitations)
	if !ok {
		return
	}
	part, total, next := query.invitations(all)
	list := make([]openInvitation, len(part))
	for i, v := range part {
		list[i] = openInvitation{v.ID, v.Tenant, v.Client, v.CreatedAt.UTC(), v.ExpiresAt.UTC(), v.CreatedBy}
	}
	reply(w, http.StatusOK, struct {
		Invitations []openInvitation `json:"invitations"`
		Total       int              `json:"total"`
		Next        string           `json:"next,omitempty"`
	}{list, total, next})
}

// invitations selects some of them, the newest first, and counts all of their kind.
func (s section) invitations(all []OpenInvitation) (part []OpenInvitation, total int, next string) {
	text := strings.ToLower(s.text)
	all = slices.DeleteFunc(all, func(i OpenInvitation) bool { return !strings.Contains(strings.ToLower(i.Tenant), text) })
	part, next = partOf(s, all, true, func(i OpenInvitation) mark { return mark{i.CreatedAt, i.ID} })
	return part, len(all), next
}

// revokeInvitation answers 204.
func (a *Admin) revokeInvitation(w http.ResponseWriter, r *http.Request) {
	if !a.isReady(w) {
		return
	}
	id := r.PathValue("id")
	if a.done(w, r, "revoke connect link", a.grants.RevokeInvitation(r.Context(), id, nameOf(r)), zap.String("invitation", fmt.Sprintf("%.12q", id))) {
		w.WriteHeader(http.StatusNoContent)
	}
}

// readJSON reads one JSON object with no field but those of into. The status goes with the error.
func readJSON(w http.ResponseWriter, r *http.Request, into any) (status int, err error) {
	if mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || mediaType != "application/json" {
		return http.StatusUnsupportedMediaType, errors.New("send the body as application/json")
	}
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBodyBytes))
	decoder.DisallowUnknownFields()
	err = decoder.Decode(into)
	if err == nil {
		if _, err = decoder.Token(); errors.Is(err, io.EOF) {
			return 0, nil
		} else if err == nil {
			err = errors.New("something follows the object")
		}
	}
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return http.StatusRequestEntityTooLarge, fmt.Errorf("the body may hold %d bytes", maxBodyBytes)
	}
	return http.StatusBadRequest, fmt.Errorf("the body is not the JSON object that this path takes: %.200s", err.Error())
}

func parseLifetime(text string) (time.Duration, error) {
	if text == "" {
		return defaultLifetime, nil
	}
	lifetime, err := time.ParseDuration(text)
	if err != nil || lifetime < minLifetime || lifetime > grant.MaxInvitationLife {
		return 0, fmt.Errorf("lifetime: %.40q must be a duration such as 72h, from %s to %s", text, minLifetime, grant.MaxInvitationLife)
	}
	return lifetime, nil
}
