package grant

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/audit"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

// AuditQuery chooses records of the audit. Its zero value chooses all.
type AuditQuery struct {
	// Tenant has its own records, and those of the organisations that it is, or waits to be, connected to.
	Tenant string
	// Before is an ID: what is older than it.
	Before       string
	Since, Until time.Time // Until is exclusive
	Limit        int       // 0 means defaultAudited
}

const (
	defaultAudited = 100
	maxAudited     = 1000
)

// ErrNoAuditID: AuditQuery.Before is no ID of a record.
var ErrNoAuditID = errors.New("before: this is no id of an audit record; give the one that the answer before this names as next")

// Audit returns records, the newest first, and the ID to go on from, empty where nothing is left. A record that cannot be opened says so. What
// it reads is in proportion to what it returns, however much there is of others.
func (s *Service) Audit(ctx context.Context, q AuditQuery) (records []audit.Record, next string, err error) {
	if s.sendOnly {
		return nil, "", ErrSendOnly
	}
	if err := s.checkReady(); err != nil {
		return nil, "", err
	}
	low, high, err := q.bounds()
	if err != nil {
		return nil, "", err
	}
	limit := min(cmp.Or(max(0, q.Limit), defaultAudited), maxAudited)
	var prefixes []string
	for _, class := range audit.Classes() {
		prefixes = append(prefixes, audit.Prefix(class))
	}
	if q.Tenant != "" {
		prefixes = s.view.auditIndexes(q.Tenant)
	}
	var found []store.Record
	for _, prefix := range prefixes {
		r := store.Range{After: prefix + low, Before: prefix + high, Back: true, Limit: limit + 1, KeysOnly: q.Tenant != ""}
		err := s.st.Range(ctx, store.KindAudit, r, func(raw store.Record) error {
			found = append(found, raw)
			return nil
		})
		if err != nil {
			return nil, "", fmt.Errorf("%w: read: %w", errStore, err)
		}
	}
	slices.SortFunc(found, func(a, b store.Record) int { return strings.Compare(idIn(b.Key), idIn(a.Key)) })
	if len(found) > limit {
		found = found[:limit]
		next = idIn(found[limit-1].Key)
	}
	for _, raw := range found {
		rec, ok, err := s.audited(ctx, raw)
		if err != nil {
			return nil, "", err
		}
		if ok && (q.Tenant == "" || rec.Tenant == q.Tenant || rec.Tenant == "") { // subjects are hashes
			records = append(records, rec)
		}
	}
	return records, next, nil
}

// bounds are IDs, or the beginnings of such, between which those that are asked for lie.
func (q AuditQuery) bounds() (low, high string, err error) {
	high = "~" // above every digit
	if q.Before != "" {
		if _, ok := audit.Time(q.Before); !ok {
			return "", "", ErrNoAuditID
		}
		high = q.Before
	}
	if !q.Until.IsZero() {
		high = min(high, audit.From(q.Until))
	}
	if !q.Since.IsZero() {
		low = audit.From(q.Since)
	}
	return low, high, nil
}

// auditIndexes are the prefixes under which the records about a tenant are found.
func (v *view) auditIndexes(tenant string) []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	subjects := []string{audit.Index(audit.Tenant(tenant))}
	grant, connected := v.grants[tenant]
	if connected {
		subjects = append(subjects, audit.Index(audit.Org(grant.rec.Org.String())))
	}
	if p, ok := v.pendings[tenant]; ok && !(connected && p.rec.Grant.Org == grant.rec.Org) {
		subjects = append(subjects, audit.Index(audit.Org(p.rec.Grant.Org.String())))
	}
	return subjects
}

// audited opens the record that a key names, which is its own or that of the index. ok is false where it was swept meanwhile.
func (s *Service) audited(ctx context.Context, raw store.Record) (rec audit.Record, ok bool, err error) {
	id := idIn(raw.Key)
	if key := audit.Key(id); raw.Key != key {
		raw, err = s.st.Get(ctx, store.KindAudit, key)
		if errors.Is(err, store.ErrNotFound) {
			return rec, false, nil
		}
		if err != nil {
			return rec, false, fmt.Errorf("%w: read: %w", errStore, err)
		}
	}
	opened, err := open[auditRecord](&s.vault, raw)
	if err != nil {
		at, _ := audit.Time(id)
		return audit.Record{ID: id, At: at, What: "record cannot be opened"}, true, nil
	}
	return opened.Record, true, nil
}

// idIn is the ID in a key, or what is in the place of one.
func idIn(key string) string { return key[strings.LastIndexByte(key, '/')+1:] }
