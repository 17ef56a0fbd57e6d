package grant

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// noteScopes notes the scopes that the answer to a refresh names. Where they are not those of the consent, the token's Reason says so; the
// token stays good for what it still has. news is that reason when the answer before this one named others, else empty.
func (s *Service) noteScopes(tx *txn, tok *Token, set tokenSet, now time.Time) (news string, err error) {
	scopes := strings.Fields(set.scopes)
	if len(scopes) == 0 {
		scopes = tok.Scopes // an answer that names none says nothing
	}
	if len(scopes) == 0 || tok.Fact != TokenOK {
		return "", nil
	}
	g, _, err := get(tx, Grant{Tenant: tok.Tenant})
	if err != nil || len(g.Scopes) == 0 {
		return "", err
	}
	var changes []string
	if lost := without(g.Scopes, scopes); len(lost) > 0 {
		changes = append(changes, "lacks "+strings.Join(lost, " ")+", which the customer granted, so what needs it fails: check the user's permissions in the customer's organisation, "+
			"then send the customer the connect link")
	}
	if won := without(scopes, g.Scopes); len(won) > 0 {
		changes = append(changes, "has "+strings.Join(won, " ")+", which was not named at the consent")
	}
	if len(changes) > 0 {
		tok.Reason = "since the refresh of " + since(now) + " the access token " + strings.Join(changes, "; it ")
	}
	if !slices.Equal(scopes, tok.Scopes) && (len(changes) > 0 || len(tok.Scopes) > 0) {
		news = cmp.Or(tok.Reason, "the access token has the scopes of the consent again")
	}
	tok.Scopes = scopes
	return news, nil
}

// without returns the scopes of some that others lack.
func without(some, others []string) []string {
	var rest []string
	for _, scope := range some {
		if !slices.Contains(others, scope) {
			rest = append(rest, scope)
		}
	}
	return rest
}
