package grant

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/audit"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// Unjudged reports whether an error says nothing of a grant: Datadog did not answer or took no more questions, or was not asked at all.
func Unjudged(err error) bool {
	for _, why := range []error{errElsewhere, errMayHold, errQuarantine, errOfBackup, errBackoff, errStopping, errStore, credential.ErrNotReady, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, why) {
			return true
		}
	}
	var call *callError
	return errors.As(err, &call) && (call.kind == callUnanswered || call.kind == callUnsent || call.kind == callThrottled)
}

// ProveToken asks Datadog whether the tenant's access token is good.
//
// GET /api/v2/validate_keys needs no particular scope.
// https://docs.datadoghq.com/api/latest/authentication/
func (s *Service) ProveToken(ctx context.Context, tenant string) error {
	at, err := s.siteOf(tenant)
	if err != nil {
		return err
	}
	tok, err := s.accessToken(ctx, tenant)
	if err != nil {
		return err
	}
	return s.apiCall(ctx, "validate the access token at "+at.Hostname(site.HostAPI), http.MethodGet, at, "/api/v2/validate_keys", "Authorization", bearerScheme+tok.AccessToken, nil)
}

// errNoKey: there is no key to ask about.
var errNoKey = errors.New("no API key is stored")

// keyOf is the stored key of a tenant's organisation, and its site.
func (s *Service) keyOf(tenant string) (apiKey string, at site.Site, err error) {
	g, o, _, _, err := s.checkable(tenant)
	if err != nil {
		return "", at, err
	}
	at, ok := site.ByDomain(g.Org.Site)
	if !ok {
		return "", at, site.ErrUnknown
	}
	if o.APIKey == "" {
		return "", at, errNoKey
	}
	return o.APIKey, at, nil
}

// ProveKeyV1 asks whether the tenant's API key is valid.
func (s *Service) ProveKeyV1(ctx context.Context, tenant string) (valid bool, err error) {
	key, at, err := s.keyOf(tenant)
	if err != nil {
		return false, err
	}
	var answer struct {
		Valid *bool `json:"valid"`
	}
	doing := "validate the API key at " + at.Hostname(site.HostAPI)
	err = s.apiCall(ctx, doing, http.MethodGet, at, "/api/v1/validate", "DD-API-KEY", key, &answer)
	switch {
	case err != nil && kindOf(err) == callForbidden:
		return false, nil
	case err != nil:
		return false, err
	case answer.Valid == nil:
		return false, &callError{kind: callUnanswered, doing: doing, advice: "the answer is not the JSON that Datadog documents"}
	default:
		return *answer.Valid, nil
	}
}

// ProveKeyV2 asks whose the tenant's API key is. The endpoint is a preview.
func (s *Service) ProveKeyV2(ctx context.Context, tenant string) (orgID string, err error) {
	key, at, err := s.keyOf(tenant)
	if err != nil {
		return "", err
	}
	var answer struct {
		Data struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	doing := "ask " + at.Hostname(site.HostAPI) + " whose the API key is"
	err = s.apiCall(ctx, doing, http.MethodGet, at, "/api/v2/validate", "DD-API-KEY", key, &answer)
	if err == nil && !plausibleID(answer.Data.ID) {
		err = &callError{kind: callUnanswered, doing: doing, advice: "the answer names no organisation"}
	}
	return answer.Data.ID, err
}

// MintTwice asks for a key although there is one, and returns the status with which Datadog answered: 409, as it should be. A key that was
// made all the same, with 201, is deleted again, if Datadog allows that; it is stored nowhere, but the audit tells of it, and did before it is deleted. The error is there
// besides 201 if the key was left, or the audit does not tell.
func (s *Service) MintTwice(ctx context.Context, tenant string) (status int, err error) {
	if _, _, err := s.keyOf(tenant); err != nil {
		return 0, err
	}
	g, _, _, _, err := s.checkable(tenant)
	if err != nil {
		return 0, err
	}
	tok, err := s.accessToken(ctx, tenant)
	if err != nil {
		return 0, err
	}
	err = s.withLease(ctx, mintName(g.Org), func(ctx context.Context, _ uint64) error {
		o, at, err := s.readOrg(ctx, g.Org)
		if err != nil {
			return err
		}
		if o.APIKey == "" || o.Key == KeyMinting {
			return fmt.Errorf("%w, or one is being minted", errNoKey)
		}
		key, err := s.mintCall(ctx, at, tok.AccessToken)
		var answer *callError
		switch {
		case err == nil:
			status = http.StatusCreated
			return s.dropSecondKey(ctx, tenant, at, tok.AccessToken, key)
		case errors.As(err, &answer) && answer.kind == callConflict:
			status = answer.status
			return nil
		default:
			return err
		}
	})
	return status, err
}

// cleanUpTime bounds what is done about a second key, also after the check was stopped.
const cleanUpTime = 30 * time.Second

// dropSecondKey records a key that was made although there is one, deletes it, and records what came of that.
func (s *Service) dropSecondKey(ctx context.Context, tenant string, at site.Site, accessToken string, key mintedKey) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTime)
	defer cancel()
	named := fmt.Sprintf("key …%s (id %s)", key.last4, key.id)
	noted := s.noteSecondKey(ctx, tenant, "second key made", "Datadog made "+named+" although there is a key", mintedKey{}, key)
	err := s.deleteKey(ctx, at, accessToken, key.id)
	if err == nil {
		noted = errors.Join(noted, s.noteSecondKey(ctx, tenant, "second key deleted", "", key, mintedKey{}))
	} else {
		noted = errors.Join(noted, s.noteSecondKey(ctx, tenant, "second key left", err.Error(), key, key))
		err = fmt.Errorf("%s was left: %w", named, err)
	}
	if noted != nil {
		err = errors.Join(err, fmt.Errorf("record what became of %s: %w", named, noted))
	}
	return err
}

func (s *Service) noteSecondKey(ctx context.Context, tenant, what, reason string, before, after mintedKey) error {
	return s.change(ctx, func(tx *txn) error {
		fingerprints, err := tx.fingerprintKey()
		if err != nil {
			return err
		}
		d := audit.Diff{Key: fingerprints}
		d.Secret("second_key", "api_key", before.key, after.key)
		d.Text("key_id", before.id, after.id)
		d.Text("last4", before.last4, after.last4)
		tx.notes = append(tx.notes, audit.Record{What: what, Tenant: tenant, Reason: reason, Changes: d.Changes})
		return nil
	})
}

// RevokeUnknown has Datadog revoke a token that was never given out, which it has to answer with 200 (RFC 7009 §2.2).
func (s *Service) RevokeUnknown(ctx context.Context, tenant string) error {
	g, _, _, _, err := s.checkable(tenant)
	if err != nil {
		return err
	}
	at, known := site.ByDomain(g.Org.Site)
	c, configured := s.clients[g.Org.Client]
	if !known || !configured {
		return fmt.Errorf("client %s is not in the configuration any more", g.Org.Client)
	}
	return s.revokeToken(ctx, c, at, NewSecret(), "refresh_token")
}
