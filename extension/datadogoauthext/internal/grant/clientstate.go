package grant

import (
	"context"
	"fmt"

	"go.uber.org/zap"
)

// clientRejected notes that Datadog refused a client's credentials. No grant changes: the operator may be rotating the
// secret, and every grant survives that.
func (s *Service) clientRejected(ctx context.Context, c *client, stamp uint64, why error) {
	first, news := c.gate.reject(s.now(), stamp)
	if news {
		s.storeClient(ctx, c, stamp, c.rejectedAdvice())
	}
	if !first {
		return
	}
	s.log.Error("Datadog rejects the credentials of an OAuth client; its token calls stop, but for a probe every 30 s and at each change of its secret file",
		zap.String("client", c.cfg.Name), zap.Error(why))
	s.reportTrouble()
}

// clientAccepted notes that Datadog took them.
func (s *Service) clientAccepted(ctx context.Context, c *client, stamp uint64) {
	if !c.gate.accept(s.now(), stamp) {
		return
	}
	s.log.Info("Datadog accepts the credentials of the OAuth client again", zap.String("client", c.cfg.Name))
	s.storeClient(ctx, c, stamp, "")
	s.reportTrouble()
}

// storeClient stores what Datadog says of the secret of a stamp, for other processes and the next one.
func (s *Service) storeClient(ctx context.Context, c *client, stamp uint64, reason string) {
	err := s.change(ctx, func(tx *txn) error {
		rec, _, err := get(tx, Client{Name: c.cfg.Name})
		if err != nil {
			return err
		}
		rec.Name, rec.ClientID, rec.Stage = c.cfg.Name, c.cfg.ClientID, c.cfg.Stage
		rec.RejectedSince, rec.Reason = c.gate.state(), reason
		if mark, now := c.secretMark(); now == stamp {
			rec.Secret = mark
		}
		return tx.put(rec)
	})
	if err != nil {
		s.log.Error("The state of an OAuth client was not stored; it is found out again after a restart",
			zap.String("client", c.cfg.Name), zap.Error(err))
	}
}

// heedClients takes over what another process learnt of the secret that this one has as well.
func (s *Service) heedClients(all []versioned) {
	for _, w := range all {
		rec, ok := w.rec.(Client)
		if !ok {
			continue
		}
		c := s.clients[rec.Name]
		if c == nil || rec.ClientID != c.cfg.ClientID || rec.Secret == "" {
			continue
		}
		switch mark, stamp := c.secretMark(); {
		case mark != rec.Secret: // of another secret
		case rec.RejectedSince.IsZero():
			c.gate.accept(s.now(), stamp)
		default:
			c.gate.reject(s.now(), stamp)
		}
	}
}

// secretMark tells one secret of a client from another in its record, and says nothing of it: a client secret is random. It is empty where
// the file cannot be read.
func (c *client) secretMark() (mark string, stamp uint64) {
	secret, stamp, err := c.secret.Read()
	if err != nil {
		return "", 0
	}
	return Hash(c.cfg.ClientID + "\x00" + secret)[:32], stamp
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

// reconcile brings the records of the clients up to what the configuration says of them. What could not be written is at the next pass.
func (s *Service) reconcile(ctx context.Context) {
	for _, c := range s.clients {
		if c.reconciled.Load() {
			continue
		}
		err := s.reconcileClient(ctx, c)
		if err == nil {
			c.reconciled.Store(true)
		} else if ctx.Err() == nil && s.windows.enter("reconcile/"+c.cfg.Name, s.now(), longestBackoff) {
			s.log.Error("The record of an OAuth client cannot be brought up to date; trying again", zap.String("client", c.cfg.Name), zap.Error(err))
		}
	}
}

// reconcileClient forgets what was stored of a client that was given another id.
func (s *Service) reconcileClient(ctx context.Context, c *client) error {
	return s.change(ctx, func(tx *txn) error {
		rec, found, err := get(tx, Client{Name: c.cfg.Name})
		if err != nil || found && rec.ClientID == c.cfg.ClientID && rec.Stage == c.cfg.Stage {
			return err
		}
		if !found || rec.ClientID != c.cfg.ClientID {
			rec = Client{Name: c.cfg.Name, ClientID: c.cfg.ClientID}
		}
		rec.Stage = c.cfg.Stage
		return tx.put(rec)
	})
}
