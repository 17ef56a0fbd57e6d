package grant

import "context"

// Pass does what is due, as the background loop does every half minute.
func (s *Service) Pass(ctx context.Context) { s.pass(ctx) }

// AccessToken returns a token that is good for some minutes.
func (s *Service) AccessToken(ctx context.Context, tenant string) (string, error) {
	return s.accessToken(ctx, tenant)
}

// JudgeKey asks Datadog about a tenant's key, as Refused does in the background.
func (s *Service) JudgeKey(ctx context.Context, tenant string) error {
	c, err := s.Lookup(tenant)
	if err != nil {
		return err
	}
	return s.judgeKey(ctx, c.Org(), c.Generation())
}
