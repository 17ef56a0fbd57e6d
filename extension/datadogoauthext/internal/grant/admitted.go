package grant

import (
	"context"
	"errors"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

// admitted waits until a client may make a token call, which then may be its probe; leave is to be called when the call is over. Of all
// processes that share a store, one probes a secret at a time. An error is of kind callClientRejected, unless ctx ended or the store failed.
func (s *Service) admitted(ctx context.Context, c *client, doing string) (leave func(), err error) {
	_, stamp, err := c.secret.Read()
	if err != nil {
		return nil, unreadableSecret(c, doing, err)
	}
	leave, passage, err := c.gate.enter(ctx, s.now, stamp)
	if err == nil && passage == gateProbe && s.shared != nil {
		passage, err = s.probeOfAll(ctx, c)
	}
	if err == nil && passage == gateShut {
		err = &callError{kind: callClientRejected, doing: doing, advice: c.rejectedAdvice()}
	}
	if err != nil {
		leave()
		return nil, err
	}
	return leave, nil
}

// probeOfAll asks for the right to probe a client's secret until the next probe is due. Nobody gives it back.
func (s *Service) probeOfAll(ctx context.Context, c *client) (passage, error) {
	mark, _ := c.secretMark()
	_, err := s.st.Lease(ctx, "probe/"+c.cfg.Name+"/"+mark, probeEvery)
	switch {
	case errors.Is(err, store.ErrHeld):
		return gateShut, nil
	case err != nil:
		return gateShut, err
	}
	return gateProbe, nil
}

// unreadableSecret is of kind callClientRejected, since no token call of the client can be made either.
func unreadableSecret(c *client, doing string, err error) error {
	return &callError{kind: callClientRejected, doing: doing, cause: err, advice: "client " + c.cfg.Name + ": client_secret_file"}
}
