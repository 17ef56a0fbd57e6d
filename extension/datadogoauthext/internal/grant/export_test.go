package grant

import "context"

// Pass does what is due, as the background loop does every half minute.
func (s *Service) Pass(ctx context.Context) { s.pass(ctx) }

// ApplyNothing is what a change of no grant does to the view.
func (s *Service) ApplyNothing() { s.apply(nil) }

// Stopping is closed once Close was called.
func (s *Service) Stopping() <-chan struct{} { return s.life.stopping.Done() }

// AccessToken returns a token that is good for some minutes.
func (s *Service) AccessToken(ctx context.Context, tenant string) (string, error) {
	tok, err := s.accessToken(ctx, tenant)
	return tok.AccessToken, err
}

// JudgeKey asks Datadog about a tenant's key, as Refused does in the background.
func (s *Service) JudgeKey(ctx context.Context, tenant string) error {
	c, err := s.Lookup(tenant)
	if err != nil {
		return err
	}
	return s.judgeKey(ctx, c.Org(), c.Generation())
}

// Reconcile compares the store with the configuration, as the background does after loading.
func (s *Service) Reconcile(ctx context.Context) { s.reconcile(ctx) }

// BeginMint stores the intent to mint for a tenant's organisation under a fence.
func (s *Service) BeginMint(ctx context.Context, tenant string, fence uint64) error {
	org, err := s.Org(tenant)
	if err != nil {
		return err
	}
	return s.beginMint(ctx, org, fence, 1)
}

// RefusalText reads the body of an answer that says no.
func RefusalText(body []byte, secrets ...string) (code, description string) {
	return refusalText(body, secrets...)
}
