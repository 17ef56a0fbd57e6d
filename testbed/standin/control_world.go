package standin

import (
	"fmt"
	"net/http"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/oauth"
)

// settings is oauth.Settings on the wire. What is absent stays as it is.
type settings struct {
	Refresh         *oauth.RefreshMode `json:"refresh,omitempty"`
	FreshKeyDelayMS *int64             `json:"fresh_key_delay_ms,omitempty"`
	AccessTokenMS   *int64             `json:"access_token_life_ms,omitempty"`
	CodeMS          *int64             `json:"code_life_ms,omitempty"`
	SearchDelayMS   *int64             `json:"search_delay_ms,omitempty"`
}

// controlWorld: clients, organisations, settings, scenario.
func (s *Server) controlWorld(mux *http.ServeMux) {
	mux.HandleFunc("POST /control/clients", take(func(c oauth.Client) (any, error) {
		return map[string]string{"id": c.ID}, s.world.AddClient(c)
	}))
	mux.HandleFunc("POST /control/clients/rotate_secret", take(func(in struct{ ID, Secret string }) (any, error) {
		secret, err := s.world.RotateClientSecret(in.ID, in.Secret)
		return map[string]string{"id": in.ID, "secret": secret}, err
	}))
	mux.HandleFunc("POST /control/clients/disable", take(func(in struct {
		clientInOrg
		Disabled *bool `json:"disabled"`
	}) (any, error) {
		disabled := in.Disabled == nil || *in.Disabled
		s.world.DisableClient(in.Client, in.ref(), disabled)
		return map[string]bool{"disabled": disabled}, nil
	}))
	mux.HandleFunc("POST /control/orgs", take(func(o oauth.Org) (any, error) { return s.world.AddOrg(o) }))
	mux.HandleFunc("GET /control/orgs", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, list(s.world.Orgs()))
	})
	mux.HandleFunc("POST /control/settings", take(func(in settings) (any, error) { return s.changeSettings(in) }))
	mux.HandleFunc("GET /control/settings", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, s.wireSettings()) })
	mux.HandleFunc("POST /control/scenario", take(func(in struct{ Name Scenario }) (any, error) {
		return map[string]Scenario{"name": in.Name}, s.SetScenario(in.Name)
	}))
	mux.HandleFunc("GET /control/scenario", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]Scenario{"name": s.Scenario()})
	})
}

func (s *Server) changeSettings(in settings) (any, error) {
	for name, ms := range map[string]*int64{
		"fresh_key_delay_ms": in.FreshKeyDelayMS, "access_token_life_ms": in.AccessTokenMS, "code_life_ms": in.CodeMS, "search_delay_ms": in.SearchDelayMS,
	} {
		if ms != nil && *ms < 0 {
			return nil, fmt.Errorf("%s: must not be negative", name)
		}
	}
	err := s.world.UpdateSettings(func(o *oauth.Settings) error {
		if in.Refresh != nil {
			o.Refresh = *in.Refresh
		}
		setMillis(&o.FreshKeyDelay, in.FreshKeyDelayMS)
		setMillis(&o.AccessTokenLife, in.AccessTokenMS)
		setMillis(&o.CodeLife, in.CodeMS)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if in.SearchDelayMS != nil {
		s.intake.SetSearchDelay(time.Duration(*in.SearchDelayMS) * time.Millisecond)
	}
	return s.wireSettings(), nil
}

func setMillis(d *time.Duration, ms *int64) {
	if ms != nil {
		*d = time.Duration(*ms) * time.Millisecond
	}
}

func (s *Server) wireSettings() settings {
	o := s.world.Settings()
	if o.Refresh == "" {
		o.Refresh = oauth.RefreshRotate
	}
	key, access, code := o.FreshKeyDelay.Milliseconds(), o.AccessTokenLife.Milliseconds(), o.CodeLife.Milliseconds()
	return settings{Refresh: &o.Refresh, FreshKeyDelayMS: &key, AccessTokenMS: &access, CodeMS: &code}
}
