package grant

import (
	"context"
	"errors"
	"fmt"

	"go.uber.org/zap"
)

// clientRejected notes that Datadog refused a client's credentials. No grant changes: the operator may be rotating the
// secret, and every grant survives that.
func (s *Service) clientRejected(ctx context.Context, c *client, stamp uint64, why error) {
	if !c.gate.reject(s.now(), stamp) {
		return
	}
	s.log.Error("Datadog rejects the credentials of an OAuth client; its token calls stop, but for a probe every 30 s and at each change of its secret file",
		zap.String("client", c.cfg.Name), zap.Error(why))
	s.storeClient(ctx, c, c.rejectedAdvice())
	s.reportTrouble()
}

// clientAccepted notes that Datadog took them.
func (s *Service) clientAccepted(ctx context.Context, c *client) {
	if !c.gate.accept() {
		return
	}
	s.log.Info("Datadog accepts the credentials of the OAuth client again", zap.String("client", c.cfg.Name))
	s.storeClient(ctx, c, "")
	s.reportTrouble()
}

func (s *Service) storeClient(ctx context.Context, c *client, reason string) {
	err := s.change(ctx, func(tx *txn) error {
		rec, _, err := get(tx, Client{Name: c.cfg.Name})
		if err != nil {
			return err
		}
		rec.Name, rec.ClientID, rec.Stage = c.cfg.Name, c.cfg.ClientID, c.cfg.Stage
		rec.RejectedSince, rec.Reason = c.gate.state(), reason
		return tx.put(rec)
	})
	if err != nil {
		s.log.Error("The state of an OAuth client was not stored; it is found out again after a restart",
			zap.String("client", c.cfg.Name), zap.Error(err))
	}
}

// checkSecrets finds secret files that cannot be read. Their clients make no token calls until they can.
func (s *Service) checkSecrets() {
	for _, c := range s.clients {
		var fault *string
		if _, _, err := c.secret.Read(); err != nil {
			text := "client " + c.cfg.Name + ": client_secret_file: " + err.Error()
			fault = &text
		}
		old := c.fault.Swap(fault)
		switch {
		case fault == nil && old != nil:
			s.log.Info("A client secret file can be read again", zap.String("client", c.cfg.Name))
		case fault != nil && (old == nil || *old != *fault):
			s.log.Error("A client secret file cannot be read; the token calls of its client wait", zap.String("why", *fault))
		}
	}
}

// ClientReady is nil when consents of a client can end well, else an error that says to try again later. A customer
// should learn that before going to Datadog. While a rejected client has tokens to refresh, those probe; without any, the
// next customer does, once in a while.
func (s *Service) ClientReady(name string) error {
	c, ok := s.clients[name]
	if !ok {
		return fmt.Errorf("client %s is not in the configuration; add it under clients, or make a new invitation", name)
	}
	_, stamp, err := c.secret.Read()
	if err != nil {
		return fmt.Errorf("client %s: client_secret_file: %w", name, err)
	}
	if c.gate.refused(stamp) && (s.probes(name) || c.gate.dead(s.now(), stamp)) {
		return fmt.Errorf("client %s: %s", name, c.rejectedAdvice())
	}
	return nil
}

// probes reports whether a client has a token that the background refreshes as its probe.
func (s *Service) probes(clientName string) bool {
	s.view.mu.Lock()
	defer s.view.mu.Unlock()
	for tenant, h := range s.view.tokens {
		if h.rec.Client == clientName && h.rec.RefreshToken != "" {
			if _, err := s.usable(tenant); err == nil {
				return true
			}
		}
	}
	return false
}

// reconcile compares the store with the configuration, after loading. A client that was given another id loses its tokens, which
// belong to the old one; the API keys go on serving. It reports whether all is written; if not it is called again.
func (s *Service) reconcile(ctx context.Context) bool {
	all := true
	for _, c := range s.clients {
		if err := s.reconcileClient(ctx, c); err != nil {
			all = false
			if s.windows.enter("reconcile/"+c.cfg.Name, s.now(), longestBackoff) {
				s.log.Error("The record of an OAuth client cannot be brought up to date; trying again", zap.String("client", c.cfg.Name), zap.Error(err))
			}
		}
	}
	return all
}

// reconcileClient marks tokens first and writes the client's id last, so that a process that ends in between begins again.
func (s *Service) reconcileClient(ctx context.Context, c *client) error {
	old, found, err := get(s.reader(ctx), Client{Name: c.cfg.Name})
	if err != nil {
		return err
	}
	changed := found && old.ClientID != c.cfg.ClientID
	if changed {
		reason := "client_id of client " + c.cfg.Name + " was changed in the configuration; send the customer the connect link"
		if err := s.abandonTokens(ctx, c, reason); err != nil {
			return err
		}
	}
	if found && !changed && old.Stage == c.cfg.Stage {
		return nil
	}
	return s.change(ctx, func(tx *txn) error {
		rec, found, err := get(tx, Client{Name: c.cfg.Name})
		if err != nil {
			return err
		}
		if !found || rec.ClientID != c.cfg.ClientID {
			rec = Client{Name: c.cfg.Name, ClientID: c.cfg.ClientID}
		}
		rec.Stage = c.cfg.Stage
		return tx.put(rec)
	})
}

// abandonTokens moves every token that a client got under another id to reauthorise.
func (s *Service) abandonTokens(ctx context.Context, c *client, reason string) error {
	var errs []error
	for tenant, tok := range s.tokenView() {
		if tok.Client != c.cfg.Name || tok.ClientID == c.cfg.ClientID || tok.Fact == TokenReauthorise {
			continue
		}
		if err := s.tokenEvent(ctx, tenant, EvClientChanged, reason); err != nil {
			errs = append(errs, fmt.Errorf("token of tenant %s: %w", tenant, err))
		}
	}
	return errors.Join(errs...)
}

// tokenEvent applies an event that changes nothing of a token but its fact.
func (s *Service) tokenEvent(ctx context.Context, tenant string, event TokenEvent, reason string) error {
	return s.change(ctx, func(tx *txn) error {
		tok, found, err := get(tx, Token{Tenant: tenant})
		if err != nil || !found {
			return err
		}
		if err := tok.event(event, reason, s.now()); err != nil {
			return err
		}
		return tx.put(tok)
	})
}

// tokenView copies what memory knows of the tokens.
func (s *Service) tokenView() map[string]Token {
	s.view.mu.Lock()
	defer s.view.mu.Unlock()
	tokens := make(map[string]Token, len(s.view.tokens))
	for tenant, h := range s.view.tokens {
		tokens[tenant] = h.rec
	}
	return tokens
}
