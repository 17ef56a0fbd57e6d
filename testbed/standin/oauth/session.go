package oauth

import (
	"maps"
	"time"

	"github.com/ory/fosite"
)

// session is what a code and every token made from it carry: whose grant it is.
type session struct {
	fosite.DefaultSession
	Org OrgRef
}

func newSession(org OrgRef) *session {
	return &session{Org: org, DefaultSession: fosite.DefaultSession{
		Subject: userOf(org), ExpiresAt: map[fosite.TokenType]time.Time{}}}
}

// Clone keeps the type, which that of the embedded session would lose.
func (s *session) Clone() fosite.Session {
	c := *s
	c.ExpiresAt = maps.Clone(s.ExpiresAt)
	return &c
}

// orgOf is the organisation of a stored request.
func orgOf(r fosite.Requester) OrgRef {
	if s, ok := r.GetSession().(*session); ok {
		return s.Org
	}
	return OrgRef{}
}
