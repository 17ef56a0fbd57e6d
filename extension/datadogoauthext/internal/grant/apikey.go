package grant

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/internal/peertext"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// keyNameMark is part of the name of every key that an OAuth client got; the rest of the name varies.
// https://docs.datadoghq.com/developers/integrations/api_integration/ (troubleshooting)
const keyNameMark = "OAuth Client API Key"

// keysPage is where people of an organisation see and revoke its API keys.
func keysPage(at site.Site) string { return at.AppOrigin() + "/organization-settings/api-keys" }

// clockSkew is how far Datadog's clock and ours may be apart where the date of a key is compared with our journal.
const clockSkew = time.Minute

// listedKey is what Datadog shows of a key: never its value.
type listedKey struct {
	id, name string
	created  time.Time
}

// listKeys lists the API keys of the token's organisation whose names contain keyNameMark. Whether a partner's token may is not
// documented. complete says that there are no more than those.
//
// GET /api/v2/api_keys needs api_keys_read.
// https://docs.datadoghq.com/api/latest/key-management/#get-all-api-keys
func (s *Service) listKeys(ctx context.Context, at site.Site, accessToken string) (keys []listedKey, complete bool, err error) {
	const pageSize = 100
	var answer struct {
		Data []struct {
			ID         string `json:"id"`
			Attributes struct {
				Name      string `json:"name"`
				CreatedAt string `json:"created_at"`
			} `json:"attributes"`
		} `json:"data"`
	}
	doing := "list the API keys at " + at.Hostname(site.HostAPI)
	query := url.Values{"filter": {keyNameMark}, "page[size]": {fmt.Sprint(pageSize)}}
	err = s.apiCall(ctx, doing, http.MethodGet, at, "/api/v2/api_keys?"+query.Encode(), "Authorization", bearerScheme+accessToken, &answer)
	if err != nil {
		return nil, false, explainForbidden(err, "Datadog does not let this integration list keys")
	}
	for _, k := range answer.Data {
		if !strings.Contains(k.Attributes.Name, keyNameMark) {
			continue
		}
		created, err := time.Parse(time.RFC3339, k.Attributes.CreatedAt)
		if err != nil {
			continue // without a date nothing tells a lost key from one that somebody uses
		}
		keys = append(keys, listedKey{id: k.ID, name: peertext.Name(k.Attributes.Name, maxDescriptionBytes, accessToken), created: created})
	}
	return keys, len(answer.Data) < pageSize, nil
}

// lost is when the attempts began whose answers are missing.
func (m MintJournal) lost() []time.Time {
	if m.Begun.IsZero() {
		return m.Lost
	}
	return append(slices.Clone(m.Lost), m.Begun)
}

// maxLost is how many attempts without an answer are remembered of an organisation, the latest ones.
const maxLost = 16

// next is the journal of an attempt that begins now. One without an answer is forgotten after staleIntent.
func (m MintJournal) next(now time.Time, attempts int, fence uint64) MintJournal {
	lost := slices.DeleteFunc(slices.Clone(m.lost()), func(begun time.Time) bool { return begun.Before(now.Add(-staleIntent)) })
	return MintJournal{Begun: now, Lost: lost[max(0, len(lost)-maxLost):], Attempts: attempts, Fence: fence, Deleted: m.Deleted}
}

// lostKey chooses the key that was made while an attempt was under way whose answer is missing, if there is exactly one: that is a key
// whose value nobody has. An attempt lasts an operation at most; between two of them another installation may have made the key that it
// uses. begun is when the attempts began. known is the name of an earlier key of this client in the organisation, or empty: the part
// before keyNameMark names the client.
func lostKey(begun []time.Time, keys []listedKey, known string) (listedKey, bool) {
	var found []listedKey
	client, _, _ := strings.Cut(known, keyNameMark)
	for _, k := range keys {
		other, _, _ := strings.Cut(k.name, keyNameMark)
		during := slices.ContainsFunc(begun, func(b time.Time) bool {
			return !k.created.Before(b.Add(-clockSkew)) && !k.created.After(b.Add(operation+clockSkew))
		})
		if during && (known == "" || other == client) {
			found = append(found, k)
		}
	}
	if len(found) != 1 {
		return listedKey{}, false
	}
	return found[0], true
}

// clearLostKey makes room for a mint that Datadog answered with 409 where no key is stored: it deletes the key that an attempt of this
// program made and whose value nobody has, or one that it had dropped and could not delete then. A key made before is never touched:
// another installation of the integration may use it. Its error says why there is no room.
func (s *Service) clearLostKey(ctx context.Context, org credential.Org, accessToken string, fence uint64, lost []time.Time) error {
	o, at, err := s.readOrg(ctx, org)
	if err != nil {
		return err
	}
	if o.APIKey != "" {
		return fmt.Errorf("the stored key …%s is not one that Datadog accepts, and was not touched", o.Last4)
	}
	id := o.KeyID
	if id == "" {
		if lost = slices.DeleteFunc(slices.Clone(lost), s.ofBackup); len(lost) == 0 {
			return errors.New("it was made by another installation of this integration, or its value was lost")
		}
		keys, complete, err := s.listKeys(ctx, at, accessToken)
		if err != nil {
			return fmt.Errorf("the answer that held it was lost on the way, and it could not be looked up: %w", err)
		}
		key, ok := lostKey(lost, keys, o.KeyName)
		if !ok || !complete {
			return errors.New("the answer that held it was lost on the way, and among the keys of the organisation none is surely the one")
		}
		id = key.id
	}
	// The intent is durable first: an answer that comes late is not taken for a key that is about to go.
	err = s.changeOrg(ctx, s.change, org, func(o *Org) error {
		if o.Mint.Fence > fence {
			return errTakenOver(org)
		}
		if o.APIKey != "" {
			return errAnsweredLate
		}
		o.Mint.Deleted = id
		return nil
	})
	if err != nil {
		return err
	}
	if err := s.deleteKey(ctx, at, accessToken, id); err != nil {
		return fmt.Errorf("its value was lost, and it could not be deleted from here: %w", err)
	}
	return s.changeOrg(ctx, s.change, org, func(o *Org) error {
		if o.Mint.Fence > fence {
			return errTakenOver(org)
		}
		o.KeyID, o.Mint.Begun, o.Mint.Lost = "", time.Time{}, nil
		return nil
	})
}
