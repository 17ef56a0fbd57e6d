package oauth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ory/fosite"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/history"
)

const badCode = "Invalid code or code verifier"

// tokenAnswer is the 200 of the token endpoint. Datadog names exactly these fields.
type tokenAnswer struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token,omitempty"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int64  `json:"expires_in"`
	Scope        string `json:"scope"`
}

// token is POST https://api.<site>/oauth2/v1/token.
//
//	200 token set · 400 invalid_grant, invalid_request, unsupported_grant_type · 401 invalid_client
//
// DataDog/documentation content/en/extend/authorization/oauth2_endpoints.md; RFC 6749 §5.2.
func (w *World) token(rw http.ResponseWriter, r *http.Request) {
	form, fail := credentials(rw, r)
	if fail != nil {
		writeOAuthError(rw, *fail)
		return
	}
	history.Annotate(r.Context(), "grant_type", form.Get("grant_type"))
	if fail := checkFields(form); fail != nil {
		writeOAuthError(rw, *fail)
		return
	}
	w.mu.Lock()
	answer, fail := w.exchange(r.Context(), w.sites[target(r).Site.Domain], form)
	w.mu.Unlock()
	if fail != nil {
		writeOAuthError(rw, *fail)
		return
	}
	writeJSON(rw, http.StatusOK, answer)
}

// credentials reads the body of a token or revoke request. Client credentials count in the body only.
func credentials(rw http.ResponseWriter, r *http.Request) (url.Values, *oauthError) {
	if strings.HasPrefix(r.Header.Get("Authorization"), "Basic ") {
		return nil, &oauthError{http.StatusUnauthorized, "invalid_client", "Client authentication failed: send client_id and client_secret in the body"}
	}
	form, err := bodyForm(rw, r)
	switch {
	case errors.Is(err, errBodyType):
		return nil, &oauthError{http.StatusBadRequest, "invalid_grant", badCode}
	case err != nil:
		return nil, &oauthError{http.StatusBadRequest, "invalid_request", err.Error()}
	}
	history.Annotate(r.Context(), "client_id", form.Get("client_id"))
	return form, nil
}

func checkFields(form url.Values) *oauthError {
	var needed []string
	switch form.Get("grant_type") {
	case "authorization_code":
		needed = []string{"client_id", "redirect_uri", "code"}
	case "refresh_token":
		needed = []string{"client_id", "refresh_token"}
	case "":
		return &oauthError{http.StatusBadRequest, "invalid_request", "grant_type is missing"}
	default:
		return &oauthError{http.StatusBadRequest, "unsupported_grant_type", "grant_type must be authorization_code or refresh_token"}
	}
	for _, name := range needed {
		if form.Get(name) == "" {
			return &oauthError{http.StatusBadRequest, "invalid_request", name + " is missing"}
		}
	}
	if form.Get("client_secret") == "" {
		return &oauthError{http.StatusUnauthorized, "invalid_client", "client_secret is missing"}
	}
	return nil
}

// exchange has fosite turn a code or a refresh token into tokens. Callers hold mu for the whole of it.
func (w *World) exchange(ctx context.Context, site *siteState, form url.Values) (*tokenAnswer, *oauthError) {
	p := site.provider
	p.lifespans(w.settings)
	p.config.AuthorizeCodeLifespan = 24 * time.Hour // fosite would count from this request; the store knows when the code ends
	site.noteRefresh(ctx, form.Get("refresh_token"))
	site.store.takes = ""
	if w.settings.AnyVerifier {
		site.store.takes = form.Get("code_verifier")
	}
	req, err := p.NewAccessRequest(ctx, &http.Request{Method: http.MethodPost, Form: form, PostForm: form, URL: &url.URL{}, Header: http.Header{}}, newSession(OrgRef{}))
	if err != nil {
		return nil, w.tokenError(ctx, site, form, err)
	}
	answer, err := p.NewAccessResponse(ctx, req)
	if err != nil {
		return nil, w.tokenError(ctx, site, form, err)
	}
	client, org := form.Get("client_id"), orgOf(req)
	refresh, _ := answer.GetExtra("refresh_token").(string)
	if form.Get("grant_type") == "refresh_token" && w.refreshMode(client) == RefreshOmit {
		delete(site.store.refresh, p.tokens.RefreshTokenSignature(ctx, refresh))
		refresh = ""
	}
	history.Annotate(ctx, NoteOrg, org.ID)
	history.Annotate(ctx, NoteIssued, fingerprint(refresh))
	history.Annotate(ctx, NoteAccess, fingerprint(answer.GetAccessToken()))
	for kind, value := range map[string]string{
		"access_token": answer.GetAccessToken(), "refresh_token": refresh, "code_verifier": form.Get("code_verifier"),
	} {
		w.remember(Secret{Kind: kind, Value: value, Site: org.Site, Org: org.ID, Client: client})
	}
	return &tokenAnswer{
		AccessToken: answer.GetAccessToken(), RefreshToken: refresh, TokenType: "Bearer",
		ExpiresIn: int64(orDefault(w.settings.AccessTokenLife, time.Hour).Seconds()), Scope: strings.TrimSuffix(strings.Join(req.GetGrantedScopes(), " ")+" "+w.settings.MoreScope, " "),
	}, nil
}

// tokenError says what Datadog says. Which of code, verifier and site was wrong is not told apart there.
func (w *World) tokenError(ctx context.Context, site *siteState, form url.Values, err error) *oauthError {
	e := fromFosite(err)
	switch {
	case e.name == "invalid_grant" && form.Get("grant_type") == "authorization_code":
		e.text = badCode
		code, ok := site.store.codes[site.provider.tokens.AuthorizeCodeSignature(ctx, form.Get("code"))]
		if ok && !code.used && code.GetClient().GetID() == form.Get("client_id") && code.GetRequestForm().Get("redirect_uri") != form.Get("redirect_uri") {
			return &oauthError{http.StatusBadRequest, "invalid_request", "Mismatching redirect URI"}
		}
	case e.name == "invalid_grant", errors.Is(err, fosite.ErrInvalidTokenFormat), errors.Is(err, fosite.ErrTokenSignatureMismatch):
		e = oauthError{http.StatusBadRequest, "invalid_grant", "Invalid refresh token"}
	case e.name == "invalid_client":
		e = oauthError{http.StatusUnauthorized, "invalid_client", "Client authentication failed"}
	}
	return &e
}

func writeOAuthError(rw http.ResponseWriter, e oauthError) {
	body := map[string]string{"error": e.name}
	if e.text != "" {
		body["error_description"] = e.text
	}
	writeJSON(rw, e.status, body)
}
