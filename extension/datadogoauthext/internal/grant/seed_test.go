package grant

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// Seed is what Connect leaves of many consents: SeedTenant(i) of SeedOrg(i), for the client "main".
type Seed struct {
	N        int
	Site     site.Site
	ClientID string
	At       time.Time // of the consent; access tokens live an hour from then
	Refresh  func(org string) string
	Key      func(org string) string
}

func SeedTenant(i int) string { return fmt.Sprintf("customer-%05d", i) }
func SeedOrg(i int) string    { return fmt.Sprintf("%08d-1111-2222-3333-444455556666", i) }

// Write stores it through a service.
func (d Seed) Write(ctx context.Context, s *Service) error {
	const batch = 500
	for from := 0; from < d.N; from += batch {
		err := s.change(ctx, func(tx *txn) error {
			var errs []error
			for i := from; i < min(from+batch, d.N); i++ {
				for _, rec := range d.records(i) {
					errs = append(errs, tx.put(rec))
				}
			}
			return errors.Join(errs...)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (d Seed) records(i int) []record {
	org := credential.Org{Client: "main", Site: d.Site.Domain(), ID: SeedOrg(i)}
	key := d.Key(org.ID)
	return []record{
		Org{
			Org: org, Name: "Customer Inc.", Key: KeyOK, KeySince: d.At, APIKey: key, KeyID: "0f0f0f0f-" + SeedOrg(i), KeyName: "[Partner] OAuth Client API Key 1",
			Last4: key[len(key)-4:], Generation: 1, MintedAt: d.At, ValidatedAt: d.At, Mint: MintJournal{Fence: 1},
		},
		Grant{
			Tenant: SeedTenant(i), Org: org, AppOrigin: d.Site.AppOrigin(), StartedDomain: d.Site.Domain(), CallbackDomain: d.Site.Domain(),
			Scopes: []string{"api_keys_write", "events_read"}, ConnectedAt: d.At, Hold: HoldNone,
		},
		Token{
			Tenant: SeedTenant(i), Client: "main", ClientID: d.ClientID, Fact: TokenOK, Since: d.At, AccessToken: "ddoat_" + SeedOrg(i) + SeedOrg(i),
			RefreshToken: d.Refresh(org.ID), Expiry: d.At.Add(time.Hour), RefreshedAt: d.At,
		},
	}
}

// Quarantined marks the store as restored.
func (s *Service) Quarantined(ctx context.Context, at time.Time) error {
	return s.change(ctx, func(tx *txn) error {
		return tx.put(Quarantine{RestoredAt: at, BackupMade: at.Add(-time.Hour)})
	})
}
