package grant

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/datadogoauth/otelcol-datadogoauth/internal/peertext"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

const bearerScheme = "Bearer " // RFC 6750 §2.1

// maxAnswerBytes bounds what is read of an answer of api.<site>.
const maxAnswerBytes = 1 << 20

// mintedKey is a good answer of the marketplace endpoint.
type mintedKey struct{ id, name, key, last4 string }

// currentOrg asks which organisation an access token belongs to.
//
// GET /api/v2/current_user needs no particular scope.
// https://docs.datadoghq.com/api/latest/users/get-current-user/
func (s *Service) currentOrg(ctx context.Context, at site.Site, accessToken string) (id, name string, err error) {
	var answer struct {
		Data struct {
			Relationships struct {
				Org struct {
					Data struct {
						ID string `json:"id"`
					} `json:"data"`
				} `json:"org"`
			} `json:"relationships"`
		} `json:"data"`
		Included []struct {
			Type       string `json:"type"`
			ID         string `json:"id"`
			Attributes struct {
				Name string `json:"name"`
			} `json:"attributes"`
		} `json:"included"`
	}
	doing := "ask " + at.Hostname(site.HostAPI) + " for the organisation of the grant"
	err = s.apiCall(ctx, doing, http.MethodGet, at, "/api/v2/current_user", "Authorization", bearerScheme+accessToken, &answer)
	if err != nil {
		return "", "", explainForbidden(err, "current_user needs no scope: the user who gave consent may lack access to the organisation, or the token belongs to another site; authorise again")
	}
	id = answer.Data.Relationships.Org.Data.ID
	if !plausibleID(id) {
		return "", "", &callError{kind: callRefused, doing: doing, advice: "the answer names no organisation"}
	}
	for _, inc := range answer.Included {
		if inc.Type == "orgs" && inc.ID == id {
			name = peertext.Name(inc.Attributes.Name, maxDescriptionBytes, accessToken)
		}
	}
	return id, name, nil
}

// explainForbidden adds what a 403 of a bearer call means and what to do.
func explainForbidden(err error, advice string) error {
	var call *callError
	if errors.As(err, &call) && call.kind == callForbidden {
		call.advice = advice
	}
	return err
}

// plausibleID keeps a foreign string out of record addresses: organisation ids are UUIDs.
func plausibleID(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	for i := range len(id) {
		c := id[i]
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-') {
			return false
		}
	}
	return true
}

// mintCall asks for an API key. Datadog makes one per organisation, shows it once, and answers 409 from then on.
// https://docs.datadoghq.com/developers/authorization/oauth2_endpoints/
func (s *Service) mintCall(ctx context.Context, at site.Site, accessToken string) (mintedKey, error) {
	var answer struct {
		Data struct {
			ID         string `json:"id"`
			Attributes struct {
				Key   string `json:"key"`
				Name  string `json:"name"`
				Last4 string `json:"last4"`
			} `json:"attributes"`
		} `json:"data"`
	}
	doing := "mint an API key at " + at.Hostname(site.HostAPI)
	err := s.apiCall(ctx, doing, http.MethodPost, at, "/api/v2/api_keys/marketplace", "Authorization", bearerScheme+accessToken, &answer)
	if err != nil {
		return mintedKey{}, explainForbidden(err, "the client lacks the scope "+ScopeOfKeys+", or the user who gave consent lacks that permission; "+
			"add it to the client in Datadog's developer platform and authorise again")
	}
	a := answer.Data.Attributes
	if a.Key == "" {
		return mintedKey{}, &callError{kind: callUnanswered, doing: doing, advice: "the answer holds no key"}
	}
	if len(a.Last4) != 4 {
		a.Last4 = a.Key[max(0, len(a.Key)-4):]
	}
	return mintedKey{
		id: peertext.Name(answer.Data.ID, maxDescriptionBytes, a.Key), name: peertext.Name(a.Name, maxDescriptionBytes, a.Key), key: a.Key, last4: peertext.Name(a.Last4, 4),
	}, nil
}

// verdict is what Datadog says of an API key.
type verdict int

const (
	keyUnjudged verdict = iota // no usable answer
	keyValid
	keyInvalid
)

// validate asks whether an API key is good, and for which organisation when the preview endpoint v2 answers; orgID is empty
// otherwise. Only v1 says no, since v2 may change. A key of another site counts as invalid.
// https://docs.datadoghq.com/api/latest/authentication/
func (s *Service) validate(ctx context.Context, at site.Site, apiKey string) (v verdict, orgID string, err error) {
	var v2 struct {
		Data struct {
			ID         string `json:"id"`
			Attributes struct {
				Valid *bool `json:"valid"`
			} `json:"attributes"`
		} `json:"data"`
	}
	doing := "validate the API key at " + at.Hostname(site.HostAPI)
	err = s.apiCall(ctx, doing, http.MethodGet, at, "/api/v2/validate", "DD-API-KEY", apiKey, &v2)
	if err == nil && v2.Data.ID != "" && (v2.Data.Attributes.Valid == nil || *v2.Data.Attributes.Valid) {
		return keyValid, v2.Data.ID, nil
	}
	var v1 struct {
		Valid *bool `json:"valid"`
	}
	err = s.apiCall(ctx, doing, http.MethodGet, at, "/api/v1/validate", "DD-API-KEY", apiKey, &v1)
	switch {
	case err != nil && kindOf(err) == callForbidden:
		return keyInvalid, "", err
	case err != nil:
		return keyUnjudged, "", err
	case v1.Valid == nil:
		return keyUnjudged, "", &callError{kind: callUnanswered, doing: doing, advice: "the answer is not the JSON that Datadog documents"}
	case *v1.Valid:
		return keyValid, "", nil
	default:
		return keyInvalid, "", nil
	}
}

// apiCall does one call to api.<site> with one credential header and decodes a 200 or 201 into into. Where into is nil, any 2xx will do.
// The host is Datadog's own: nothing in the configuration can redirect a token.
func (s *Service) apiCall(ctx context.Context, doing, method string, at site.Site, path, header, value string, into any) error {
	ctx, sent := watchSent(ctx)
	req, err := http.NewRequestWithContext(ctx, method, "https://"+at.Hostname(site.HostAPI)+path, http.NoBody)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	req.Header.Set(header, value)
	req.Header.Set("Accept", "application/json")
	resp, err := s.http.Do(req)
	if err != nil {
		return noAnswer(doing, sent, err)
	}
	defer func() {
		_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswerBytes)) // so that the connection is used again
		_ = resp.Body.Close()
	}()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes))
	if into == nil && resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return nil
	}
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusCreated {
		out := &callError{kind: statusKind(resp.StatusCode), doing: doing, status: resp.StatusCode}
		out.code, out.description = refusalText(body, value, strings.TrimPrefix(value, bearerScheme))
		return out
	}
	if err != nil {
		return &callError{kind: callUnanswered, doing: doing, status: resp.StatusCode, cause: errors.New("the answer broke off")}
	}
	if json.Unmarshal(body, into) != nil {
		return &callError{kind: callUnanswered, doing: doing, status: resp.StatusCode, advice: "the answer is not the JSON that Datadog documents"}
	}
	return nil
}

// statusKind sorts the statuses of api.<site>.
func statusKind(status int) callKind {
	switch {
	case status == http.StatusForbidden:
		return callForbidden
	case status == http.StatusConflict:
		return callConflict
	case status == http.StatusTooManyRequests:
		return callThrottled
	case status >= 500:
		return callUnanswered
	default:
		return callRefused
	}
}
