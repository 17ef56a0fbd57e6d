package admin

import (
	"fmt"
	"net/http"
	"time"
)

// tenant is a TenantStatus on the wire. Times are RFC 3339 in UTC and left out where there is none.
type tenant struct {
	Tenant      string    `json:"tenant"`
	Client      string    `json:"client"`
	Stage       string    `json:"stage,omitempty"`
	Site        string    `json:"site,omitempty"`
	Org         *org      `json:"org,omitempty"`
	Consent     *consent  `json:"consent,omitempty"`
	Token       tokenFact `json:"token"`
	Key         keyFact   `json:"key"`
	Hold        fact      `json:"hold"`
	Change      *change   `json:"pending_change,omitempty"`
	Refused     []refused `json:"refused_intakes,omitempty"`
	Warnings    []string  `json:"warnings,omitempty"`
	Sending     bool      `json:"sending"`
	ConnectedAt time.Time `json:"connected_at,omitzero"`
	Since       time.Time `json:"since,omitzero"`

	// Sends is there where one tenant is answered, and in lists that are asked for it; History where one is.
	Sends   []sendFigure `json:"sends,omitempty"`
	History *sendHistory `json:"history,omitempty"`
}

// refused is an intake that refuses the tenant's data although its key is good.
type refused struct {
	Intake string    `json:"intake"`
	Since  time.Time `json:"since"`
}

// consent says where it began, where it ended, and what was granted.
type consent struct {
	AppOrigin      string   `json:"app_origin,omitempty"`
	StartedDomain  string   `json:"started_domain,omitempty"`
	CallbackDomain string   `json:"callback_domain"`
	Scopes         []string `json:"scopes,omitempty"`
}

type org struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
}

type fact struct {
	State  string `json:"state"`
	Reason string `json:"reason,omitempty"`
}

type tokenFact struct {
	fact
	ExpiresAt   time.Time `json:"expires_at,omitzero"`
	RefreshedAt time.Time `json:"refreshed_at,omitzero"`
}

type keyFact struct {
	fact
	Name       string    `json:"name,omitempty"`
	Last4      string    `json:"last4,omitempty"`
	Generation uint64    `json:"generation,omitempty"`
	MintedAt   time.Time `json:"minted_at,omitzero"`
	Since      time.Time `json:"since,omitzero"`
}

func onWire(s TenantStatus) tenant {
	t := tenant{
		Tenant:   s.Tenant,
		Client:   s.Client,
		Stage:    s.Stage,
		Site:     s.Site,
		Token:    tokenFact{fact{s.Token, s.TokenReason}, s.TokenExpiry.UTC(), s.TokenRefreshedAt.UTC()},
		Key:      keyFact{fact{s.Key, s.KeyReason}, s.KeyName, s.KeyLast4, s.Generation, s.KeyMintedAt.UTC(), s.KeySince.UTC()},
		Hold:     fact{s.Hold, s.HoldReason},
		Warnings: s.warnings(),
		Sending:  s.Sending, ConnectedAt: s.ConnectedAt.UTC(), Since: s.Since.UTC(),
	}
	if s.Pending != nil {
		c := changeOnWire(*s.Pending)
		t.Change = &c
	}
	for _, i := range s.Refused {
		t.Refused = append(t.Refused, refused{i.Intake, i.Since.UTC()})
	}
	if s.CallbackDomain != "" {
		t.Consent = &consent{s.AppOrigin, s.StartedDomain, s.CallbackDomain, s.Scopes}
	}
	if s.OrgID != "" {
		t.Org = &org{s.OrgID, s.OrgName}
	}
	return t
}

func (a *Admin) oneTenant(w http.ResponseWriter, r *http.Request) {
	if !a.isReady(w) {
		return
	}
	a.answerTenant(w, r.PathValue("tenant"))
}

// answerTenant answers with a tenant as it is at this moment.
func (a *Admin) answerTenant(w http.ResponseWriter, name string) {
	status, ok := a.grants.Tenant(name)
	if !ok {
		problem(w, http.StatusNotFound, unknownTenant(name))
		return
	}
	t := onWire(status)
	a.addSends(&t)
	reply(w, http.StatusOK, t)
}

func unknownTenant(name string) string {
	return fmt.Sprintf("no customer ever connected as %.100q; POST /v1/invitations makes a connect link", name)
}
