package oauth

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
)

// apiKey is one API key of an organisation.
type apiKey struct {
	id, value, name string
	org             OrgRef
	client          string // whose marketplace key it is; empty for a key that was made by hand
	created         time.Time
	usable          time.Time // refused before
}

// KeyInfo describes an API key without the key.
type KeyInfo struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Last4   string    `json:"last4"`
	SHA256  string    `json:"sha256"` // of the key, hexadecimal
	Site    string    `json:"site"`
	Org     string    `json:"org"`
	Client  string    `json:"client,omitempty"`
	Created time.Time `json:"created"`
}

func (k *apiKey) info() KeyInfo {
	return KeyInfo{ID: k.id, Name: k.name, Last4: k.last4(), SHA256: SHA256(k.value), Site: k.org.Site, Org: k.org.ID, Client: k.client, Created: k.created}
}

func (k *apiKey) last4() string { return k.value[len(k.value)-4:] }

// SHA256 is how the history names a credential: the hexadecimal SHA-256 of it.
func SHA256(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// Key resolves an API key on a site: the organisation, or false for a key that is unknown there, revoked, or so fresh
// that it is not accepted yet.
func (w *World) Key(site, value string) (orgID string, ok bool) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	k, ok := w.key(site, value)
	if !ok {
		return "", false
	}
	return k.org.ID, true
}

func (w *World) key(site, value string) (*apiKey, bool) {
	st, ok := w.sites[site]
	if !ok {
		return nil, false
	}
	k, ok := st.keys[value]
	if !ok || w.now().Before(k.usable) {
		return nil, false
	}
	return k, true
}

// KeyOwner says whose key it is on whatever site, for the request history.
func (w *World) KeyOwner(value string) (OrgRef, bool) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	for _, st := range w.sites {
		if k, ok := st.keys[value]; ok {
			return k.org, true
		}
	}
	return OrgRef{}, false
}

// Keys lists every live API key, oldest first.
func (w *World) Keys() []KeyInfo {
	w.mu.RLock()
	defer w.mu.RUnlock()
	var all []KeyInfo
	for _, st := range w.sites {
		for _, k := range st.keys {
			all = append(all, k.info())
		}
	}
	slices.SortFunc(all, func(a, b KeyInfo) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
	})
	return all
}

// AddKey makes an API key by hand, as an admin does on Datadog's pages, and returns the key itself.
func (w *World) AddKey(org OrgRef) (KeyInfo, string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.org(org); !ok {
		return KeyInfo{}, "", fmt.Errorf("add an API key: no organisation %s on %s", org.ID, org.Site)
	}
	k := w.newKey(org, "", "Key made by hand "+uuid.NewString())
	k.usable = k.created
	return k.info(), k.value, nil
}

// RevokeKeys deletes keys of an organisation and returns how many: the one with id, or all when id is empty.
func (w *World) RevokeKeys(org OrgRef, id string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	st, ok := w.sites[org.Site]
	if !ok {
		return 0
	}
	n := 0
	for value, k := range st.keys {
		if k.org == org && (id == "" || k.id == id) {
			delete(st.keys, value)
			n++
		}
	}
	return n
}

// newKey makes a key of 32 hexadecimal digits. Callers hold mu.
func (w *World) newKey(org OrgRef, client, name string) *apiKey {
	now := w.now()
	k := &apiKey{id: uuid.NewString(), value: randomHex(16), name: name, org: org, client: client, created: now, usable: now.Add(w.settings.FreshKeyDelay)}
	w.sites[org.Site].keys[k.value] = k
	w.remember(Secret{Kind: "api_key", Value: k.value, Site: org.Site, Org: org.ID, Client: client})
	return k
}

// marketplaceKey is the key that a client has in an organisation, if any: Datadog gives one.
func (w *World) marketplaceKey(client string, org OrgRef) (*apiKey, bool) {
	for _, k := range w.sites[org.Site].keys {
		if k.org == org && k.client == client {
			return k, true
		}
	}
	return nil, false
}

// foreignKey is a key of another organisation, of the same site if there is one.
func (w *World) foreignKey(org OrgRef) (*apiKey, bool) {
	var found *apiKey
	for _, st := range w.sites {
		for _, k := range st.keys {
			if k.org != org && (found == nil || k.org.Site == org.Site && found.org.Site != org.Site) {
				found = k
			}
		}
	}
	return found, found != nil
}
