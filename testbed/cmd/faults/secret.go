package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

const (
	// In ten minutes one probe per 30 s, and a few for those that were under way when the client was rejected.
	wrongSecretCalls = 25
	wrongSecretFor   = 10 * time.Minute
)

// wrongSecret replaces the client's secret at Datadog and leaves the collector the old one, while every grant needs a refresh.
func wrongSecret(ctx context.Context, l *lab) error {
	n, wrongFor := 10_000, wrongSecretFor
	if l.short {
		n, wrongFor = 200, 2*time.Minute
	}
	if l.grants > 0 {
		n = l.grants
	}
	return l.inWorld(ctx, world.Options{Setup: &world.Setup{BearerLogs: true}}, func(w *world.World) error {
		if err := errors.Join(w.AcceptBearerLogs(), accessTokenLife(w, 30*time.Second)); err != nil {
			return err
		}
		cs, err := customers(w, n, 10)
		if err != nil {
			return err
		}
		if err := w.StartCollector(ctx); err != nil {
			return err
		}
		if err := l.connectMany(ctx, cs, w.Node); err != nil {
			return err
		}
		old := w.ClientSecret()
		right, err := w.RotateClientSecret(old)
		if err != nil {
			return err
		}
		was, err := tenantsByName(ctx, w.Node)
		if err != nil {
			return err
		}
		before, end := lastSeq(w), time.Now().Add(wrongFor)
		rounds := 0
		for ; time.Now().Before(end) && ctx.Err() == nil; rounds++ {
			// Most fail, which is what this is about: each caller is told at once.
			_ = each(ctx, n, atOnce, func(i int) error { _ = w.SendLog(ctx, cs[i].Tenant, "needs a token"); return nil })
			if err := pause(ctx, time.Second); err != nil {
				return err
			}
		}
		calls := len(refreshCalls(w, before))
		changed, err := changedGrants(ctx, w.Node, was)
		if err != nil {
			return err
		}
		l.printf("secret wrong for %s, %d grants due, each needed %d times: %d token calls, %d grants changed", wrongFor, n, rounds, calls, changed)
		if calls > wrongSecretCalls || calls == 0 || changed > 0 {
			return fmt.Errorf("%d token calls (1 to %d are right), %d grants changed (0 is right)", calls, wrongSecretCalls, changed)
		}
		return l.secretIsRightAgain(ctx, w, cs, right)
	})
}

// secretIsRightAgain replaces the file, and every grant refreshes without anybody's consent.
func (l *lab) secretIsRightAgain(ctx context.Context, w *world.World, cs []world.Customer, right string) error {
	if err := w.WriteClientSecret(right); err != nil {
		return err
	}
	begin := time.Now()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	err := each(ctx, len(cs), atOnce, func(i int) error {
		for {
			err := w.SendLog(ctx, cs[i].Tenant, "needs a token")
			if err == nil {
				return nil
			}
			if pauseErr := pause(ctx, 200*time.Millisecond); pauseErr != nil {
				return errors.Join(err, pauseErr)
			}
		}
	})
	l.printf("secret right again: all %d grants refreshed %s later", len(cs), time.Since(begin).Round(100*time.Millisecond))
	return err
}

// changedGrants counts the tenants whose facts are not what they were.
func changedGrants(ctx context.Context, n *world.Node, was map[string]world.Tenant) (int, error) {
	is, err := tenantsByName(ctx, n)
	if err != nil {
		return 0, err
	}
	changed := 0
	for name, t := range was {
		if now := is[name]; now.Token.State != t.Token.State || now.Key.State != t.Key.State && t.Key.State != "fresh" || now.Hold.State != t.Hold.State {
			changed++
		}
	}
	return changed, nil
}
