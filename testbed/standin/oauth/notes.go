package oauth

import (
	"context"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/history"
)

// What the history notes of a request to the token endpoint, besides grant_type and client_id. A token is named by the first
// characters of its SHA-256, so that a run can follow each grant from token to token.
const (
	NoteOrg    = "org"            // whose grant it is
	NoteUsed   = "refresh_used"   // the refresh token that was sent
	NoteIssued = "refresh_issued" // the refresh token of the answer, absent where there was none
	NoteAccess = "access_issued"  // the access token of the answer
	NoteReplay = "refresh_replay" // "true": the token that was sent had ended before
)

// noteRefresh notes which refresh token a request carries. Callers hold World.mu.
func (s *siteState) noteRefresh(ctx context.Context, token string) {
	if token == "" {
		return
	}
	history.Annotate(ctx, NoteUsed, fingerprint(token))
	stored, ok := s.store.refresh[s.provider.tokens.RefreshTokenSignature(ctx, token)]
	if !ok {
		return
	}
	history.Annotate(ctx, NoteOrg, orgOf(stored.Requester).ID)
	if stored.dead {
		history.Annotate(ctx, NoteReplay, "true")
	}
}

func fingerprint(token string) string {
	if token == "" {
		return ""
	}
	const enough = 16 // hexadecimal digits
	return SHA256(token)[:enough]
}
