package grant

import (
	"context"
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

// ClientReady is nil when consents of a client can end well, else an error that says to try again later. A customer
// should learn that before going to Datadog. While a rejected client has grants, those probe; without any, the next
// customer does, once in a while.
func (s *Service) ClientReady(name string) error {
	c, ok := s.clients[name]
	if !ok {
		return fmt.Errorf("client %s is not in the configuration; add it under clients, or make a new invitation", name)
	}
	_, stamp, err := c.secret.Read()
	if err != nil {
		return fmt.Errorf("client %s: client_secret_file: %w", name, err)
	}
	_, hasTokens := s.clientsOfTokens()[name]
	if c.gate.refused(stamp) && (hasTokens || c.gate.dead(s.now(), stamp)) {
		return fmt.Errorf("client %s: %s", name, c.rejectedAdvice())
	}
	return nil
}

// reconcile compares the store with the configuration, once, after loading. A client that was given another id loses its
// tokens, which belong to the old one; the API keys go on serving.
func (s *Service) reconcile(ctx context.Context) {
	for _, c := range s.clients {
		var changed bool
		err := s.change(ctx, func(tx *txn) error {
			rec, found, err := get(tx, Client{Name: c.cfg.Name})
			if err != nil {
				return err
			}
			changed = found && rec.ClientID != c.cfg.ClientID
			if found && !changed && rec.Stage == c.cfg.Stage {
				return nil
			}
			if !found || changed {
				rec = Client{Name: c.cfg.Name, ClientID: c.cfg.ClientID}
			}
			rec.Stage = c.cfg.Stage
			return tx.put(rec)
		})
		if err != nil {
			s.log.Error("The record of an OAuth client cannot be written", zap.String("client", c.cfg.Name), zap.Error(err))
			continue
		}
		if changed {
			s.abandonTokens(ctx, c.cfg.Name, "client_id of client "+c.cfg.Name+" was changed in the configuration; send the customer the connect link")
		}
	}
	for name := range s.clientsOfTokens() {
		if s.clients[name] == nil {
			s.abandonTokens(ctx, name, "client "+name+" is no longer in the configuration; put it back under clients, or send the customer the connect link")
		}
	}
}

// abandonTokens moves every token of a client to reauthorise.
func (s *Service) abandonTokens(ctx context.Context, clientName, reason string) {
	for tenant, tok := range s.tokenView() {
		if tok.Client != clientName || tok.Fact == TokenReauthorise {
			continue
		}
		if err := s.tokenEvent(ctx, tenant, EvClientChanged, reason); err != nil {
			s.log.Error("The token of a tenant was not marked", zap.String("tenant", tenant), zap.Error(err))
		}
	}
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

// clientsOfTokens are the clients that stored tokens belong to.
func (s *Service) clientsOfTokens() map[string]struct{} {
	names := map[string]struct{}{}
	for _, tok := range s.tokenView() {
		names[tok.Client] = struct{}{}
	}
	return names
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
