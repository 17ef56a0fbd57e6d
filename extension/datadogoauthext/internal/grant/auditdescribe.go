package grant

import (
	"slices"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/audit"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

// describeAll makes a record of each step that is more than bookkeeping: dates, intents and attempts alone are none.
func (tx *txn) describeAll(steps []step, key audit.FingerprintKey) []audit.Record {
	consents := map[string]credential.Org{} // what tenants give in this very step
	for _, s := range steps {
		if g, ok := s.after.(Grant); ok {
			if b, _ := s.before.(Grant); g.connectedSince(b) {
				consents[g.Tenant] = g.Org
			}
		}
	}
	var records []audit.Record
	for _, s := range steps {
		d := description{Diff: audit.Diff{Key: key}, consents: consents, ordered: ordered(actorOf(tx.ctx))}
		if s.lost {
			d.Text(string(s.kind)+" "+shortKey(s.kind, s.key), "cannot be opened", "")
		}
		d.describe(s)
		if len(d.Changes) > 0 {
			d.rec.Changes = d.Changes
			records = append(records, d.rec)
		}
	}
	return records
}

// description is a record in the making.
type description struct {
	audit.Diff
	rec      audit.Record
	consents map[string]credential.Org
	ordered  bool // by a person, and not by a check that one began
}

func ordered(by Actor) bool { return by.Kind == "operator" && by.Via != "check" }

func (d *description) describe(s step) {
	rec := s.after
	if rec == nil {
		rec = s.before
	}
	switch rec := rec.(type) {
	case Grant:
		d.of(rec.Tenant, rec.Org)
		before, after := both[Grant](s)
		d.grant(before, after)
	case Org:
		d.of("", rec.Org)
		before, after := both[Org](s)
		d.org(before, after)
	case Token:
		d.of(rec.Tenant, credential.Org{Client: rec.Client})
		before, after := both[Token](s)
		d.token(before, after)
	case Pending:
		d.of(rec.Grant.Tenant, rec.Grant.Org)
		before, after := both[Pending](s)
		d.pending(before, after)
	case Invitation:
		d.of(rec.Tenant, credential.Org{Client: rec.Client})
		before, after := both[Invitation](s)
		d.invitation(before, after)
	case Client:
		d.of("", credential.Org{Client: rec.Name})
		before, after := both[Client](s)
		d.client(before, after)
	case Quarantine:
		before, after := both[Quarantine](s)
		d.quarantine(before, after)
	case Revocation:
		d.of(rec.Tenant, rec.Org)
		before, after := both[Revocation](s)
		d.revocation(before, after)
	case nil: // one that cannot be opened was deleted
		d.rec.What = "record deleted"
		if s.kind == store.KindPending || s.kind == store.KindGrant || s.kind == store.KindToken {
			d.rec.Tenant = s.key
		}
	}
}

// both are the states of a record; one that is not there is the zero value.
func both[R record](s step) (before, after R) {
	before, _ = s.before.(R)
	after, _ = s.after.(R)
	return before, after
}

func (d *description) of(tenant string, org credential.Org) {
	d.rec.Tenant, d.rec.Client, d.rec.Site, d.rec.OrgID = tenant, org.Client, org.Site, org.ID
}

// byDatadog is for what only an answer of Datadog leads to, where nobody had it asked.
func (d *description) byDatadog() { d.rec.Actor.Kind = "datadog" }

func orgText(o credential.Org) string {
	if o == (credential.Org{}) {
		return ""
	}
	return o.String()
}

// connectedSince reports whether a consent came after the state before.
func (g Grant) connectedSince(before Grant) bool {
	return !g.ConnectedAt.Equal(before.ConnectedAt) || g.Org != before.Org
}

func (d *description) grant(b, g Grant) {
	fact, to := factOr(b.Hold, HoldNone), factOr(g.Hold, HoldNone)
	d.Text("org", orgText(b.Org), orgText(g.Org))
	d.Text("app_origin", b.AppOrigin, g.AppOrigin)
	d.Text("started_domain", b.StartedDomain, g.StartedDomain)
	d.Text("callback_domain", b.CallbackDomain, g.CallbackDomain)
	d.List("scopes", b.Scopes, g.Scopes)
	d.Time("connected_at", b.ConnectedAt, g.ConnectedAt)
	d.Text("hold", string(fact), string(to))
	d.rec.Reason = g.HoldReason
	switch {
	case g.Tenant == "":
		d.rec.What = "grant removed"
	case g.connectedSince(b):
		d.rec.What = "grant connected"
	case fact != to && to == HoldNone:
		d.rec.What = "grant resumed"
	case fact != to:
		d.rec.What = "grant " + string(to)
	case len(d.Changes) > 0:
		d.rec.What = "grant changed"
	default:
		d.rec.What = "hold reason changed"
		d.Text("hold_reason", b.HoldReason, g.HoldReason)
	}
}

func (d *description) org(b, o Org) {
	fact, to := factOr(b.Key, KeyNone), factOr(o.Key, KeyNone)
	d.Text("org", orgText(b.Org), orgText(o.Org))
	d.Text("org_name", b.Name, o.Name)
	d.Text("key", string(fact), string(to))
	d.Secret("api_key", "api_key", b.APIKey, o.APIKey)
	d.Text("key_id", b.KeyID, o.KeyID)
	d.Text("key_name", b.KeyName, o.KeyName)
	d.Text("last4", b.Last4, o.Last4)
	d.Number("generation", b.Generation, o.Generation)
	d.Bool("foreign", b.Foreign, o.Foreign)
	d.Text("deleted_key_id", b.Mint.Deleted, o.Mint.Deleted)
	d.rec.Reason = o.KeyReason
	switch {
	case fact != to:
		d.rec.What = "key " + string(to)
		if to == KeyRefused {
			d.byDatadog()
		}
	case b.APIKey != o.APIKey && o.APIKey == "":
		d.rec.What = "key erased"
	case b.APIKey != o.APIKey:
		d.rec.What = "key stored"
	case b.Org == (credential.Org{}):
		d.rec.What = "organisation added"
	case len(d.Changes) > 0:
		d.rec.What = "organisation changed"
	case to != KeyMinting: // else it is one step of an attempt
		d.rec.What, d.rec.Routine = "key reason changed", true
		d.Text("key_reason", b.KeyReason, o.KeyReason)
	}
}

// tokens compares the secrets of two tokens.
func (d *description) tokens(b, t Token) {
	d.Text("client_id", b.ClientID, t.ClientID)
	d.Secret("access_token", "access_token", b.AccessToken, t.AccessToken)
	d.Secret("refresh_token", "refresh_token", b.RefreshToken, t.RefreshToken)
}

func (d *description) token(b, t Token) {
	fact, to := factOr(b.Fact, TokenNone), factOr(t.Fact, TokenNone)
	d.Text("token", string(fact), string(to))
	d.tokens(b, t)
	d.List("scopes", b.Scopes, t.Scopes)
	d.rec.Reason = t.Reason
	_, given := d.consents[t.Tenant]
	switch {
	case fact != to:
		d.rec.What = "token " + string(to)
		if to == TokenReauthorise {
			d.byDatadog()
		}
	case given:
		d.rec.What = "token given"
	case !slices.Equal(b.Scopes, t.Scopes) && (len(b.Scopes) > 0 || t.Reason != ""):
		d.rec.What = "token scopes changed"
	case len(d.Changes) > 0:
		d.rec.What, d.rec.Routine, d.rec.Minor = "token refreshed", !d.ordered, d.ordered
	default:
		d.rec.What, d.rec.Routine = "token reason changed", true
		d.Text("token_reason", b.Reason, t.Reason)
	}
}

func (d *description) pending(b, p Pending) {
	fact, to := factOr(b.Token.Fact, TokenNone), factOr(p.Token.Fact, TokenNone)
	d.Text("to_org", orgText(b.Grant.Org), orgText(p.Grant.Org))
	d.Text("org_name", b.OrgName, p.OrgName)
	d.List("scopes", b.Grant.Scopes, p.Grant.Scopes)
	d.Time("created", b.Created, p.Created)
	d.Time("expires", b.Expires, p.Expires)
	d.Text("token", string(fact), string(to))
	d.tokens(b.Token, p.Token)
	d.rec.Reason = p.Token.Reason
	org, confirmed := d.consents[b.Grant.Tenant]
	switch {
	case p.Grant.Tenant == "" && confirmed && org == b.Grant.Org:
		d.rec.What = "change confirmed"
	case p.Grant.Tenant == "":
		d.rec.What = "change ended"
	case !b.Created.Equal(p.Created):
		d.rec.What = "change pending"
	case fact != to:
		d.rec.What = "change token " + string(to)
	default:
		d.rec.What, d.rec.Routine = "change token refreshed", true
		d.Text("token_reason", b.Token.Reason, p.Token.Reason)
	}
}

func (d *description) invitation(b, i Invitation) {
	d.rec.What = "invitation made"
	d.rec.Routine = b.Check != "" || i.Check != "" // each check makes some, for itself
	d.rec.Minor = true                             // the role connect makes as many as it likes
	if i.Hash == "" {
		d.rec.What = "invitation ended"
	}
	d.Text("invitation", b.idOrNone(), i.idOrNone())
	d.Text("tenant", b.Tenant, i.Tenant)
	d.Time("expires", b.Expires, i.Expires)
	d.Text("created_by", b.CreatedBy, i.CreatedBy)
	d.Text("check", b.Check, i.Check)
}

func (i Invitation) idOrNone() string {
	if len(i.Hash) < shortInvitation {
		return ""
	}
	return i.ID()
}

func (d *description) client(b, c Client) {
	d.Text("client_id", b.ClientID, c.ClientID)
	d.Text("stage", b.Stage, c.Stage)
	d.Time("rejected_since", b.RejectedSince, c.RejectedSince)
	d.Secret("secret", "client_secret_mark", b.Secret, c.Secret)
	d.rec.Reason = c.Reason
	switch {
	case b.RejectedSince.IsZero() && !c.RejectedSince.IsZero():
		d.rec.What = "client rejected"
		d.byDatadog()
	case !b.RejectedSince.IsZero() && c.RejectedSince.IsZero() && b.ClientID == c.ClientID:
		d.rec.What = "client accepted"
		d.byDatadog()
	default:
		d.rec.What = "client changed"
		d.Text("reason", b.Reason, c.Reason)
	}
}

func (d *description) quarantine(b, q Quarantine) {
	d.Time("restored_at", b.RestoredAt, q.RestoredAt)
	d.Time("backup_made", b.BackupMade, q.BackupMade)
	d.Number("spent", uint64(max(0, b.Spent)), uint64(max(0, q.Spent)))
	d.Bool("stopped", b.Stopped, q.Stopped)
	switch {
	case q == Quarantine{}:
		d.rec.What = "quarantine ended"
	case b.Stopped != q.Stopped:
		d.rec.What = "quarantine stopped refreshes"
	default:
		d.rec.What = "quarantine changed"
	}
}

func (d *description) revocation(b, r Revocation) {
	d.Text("revocation", idOf(b.ID), idOf(r.ID))
	d.Text("org", orgText(b.Org), orgText(r.Org))
	d.Bool("delete_key", b.DropKey, r.DropKey)
	d.tokens(b.Token, r.Token)
	switch {
	case b.ID == "":
		d.rec.What, d.rec.Reason = "revocation asked", r.Why
	case r.ID == "":
		d.rec.What = "revocation ended"
	default:
		d.rec.What = "revocation went on"
	}
}

// idOf is enough of a random id to find its other records.
func idOf(id string) string { return id[:min(len(id), shortInvitation)] }
