package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// spentAtMost is how many grants a restored store may spend before it stops by itself.
const spentAtMost = 3

// restoreOld takes a backup, lets every refresh token be replaced, and goes back to the backup. Datadog ends a grant whose old token comes
// again, so every refresh from then on costs one; keys are as good as ever.
func restoreOld(ctx context.Context, l *lab) error {
	n, orgs := 500, 50
	if l.grants > 0 {
		n, orgs = l.grants, min(orgs, l.grants)
	}
	return l.inWorld(ctx, world.Options{Setup: &world.Setup{BearerLogs: true}}, func(w *world.World) error {
		if err := errors.Join(w.AcceptBearerLogs(), accessTokenLife(w, 20*time.Second)); err != nil {
			return err
		}
		cs, err := customers(w, n, orgs)
		if err != nil {
			return err
		}
		if err := w.StartCollector(ctx); err != nil {
			return err
		}
		if err := l.connectMany(ctx, cs, w.Node); err != nil {
			return err
		}
		if err := w.Collector.Stop(); err != nil {
			return err
		}
		if err := l.ctl(ctx, "store", "backup", "--store", w.Path("grants.db"), "--out", w.Path("backup")); err != nil {
			return err
		}
		if err := w.StartCollector(ctx); err != nil {
			return err
		}
		before := lastSeq(w)
		if err := each(ctx, n, atOnce, func(i int) error { return w.SendLog(ctx, cs[i].Tenant, "needs a token") }); err != nil {
			return err
		}
		replaced := len(refreshCalls(w, before))
		l.printf("%d refresh tokens replaced since the backup", replaced)
		if replaced < n {
			return fmt.Errorf("%d refresh tokens replaced since the backup, %d are needed to make it old", replaced, n)
		}
		if err := errors.Join(w.Collector.Stop(), os.Remove(w.Path("grants.db"))); err != nil {
			return err
		}
		if err := l.ctl(ctx, "store", "restore", "--from", w.Path("backup"), "--store", w.Path("grants.db"),
			"--tokens-keyset", w.Path("tokens.keyset.json"), "--keys-keyset", w.Path("keys.keyset.json")); err != nil {
			return err
		}
		before = lastSeq(w)
		if err := w.StartCollector(ctx); err != nil {
			return err
		}
		return l.afterRestore(ctx, w, cs, before)
	})
}

// afterRestore sends for every tenant with its key, and needs every tenant's token over and over.
func (l *lab) afterRestore(ctx context.Context, w *world.World, cs []world.Customer, before int64) error {
	want := map[string]int{}
	for _, c := range cs {
		want[c.Org.ID]++
	}
	if err := each(ctx, len(cs), atOnce, func(i int) error {
		return eventually(ctx, time.Minute, func() error { return w.SendPoint(ctx, cs[i].Tenant, "restored."+cs[i].Tenant, i) })
	}); err != nil {
		return err
	}
	lost := 0
	arrive, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for org, points := range want {
		if err := w.Standin.Intake().AwaitCounts(arrive, org, intake.Counts{Points: points}); err != nil {
			lost++
		}
	}
	for range 3 {
		_ = each(ctx, len(cs), atOnce, func(i int) error { _ = w.SendLog(ctx, cs[i].Tenant, "needs a token"); return nil })
	}
	spent := 0
	for _, c := range refreshCalls(w, before) {
		if c.Status == http.StatusBadRequest {
			spent++
		}
	}
	l.printf("%d grants restored: keys lost %d of %d, grants spent %d", len(cs), lost, len(want), spent)
	if lost > 0 || spent > spentAtMost || spent == 0 { // without one, no old token was ever tried
		return fmt.Errorf("%d keys lost (0 is right), %d grants spent (1 to %d are right)", lost, spent, spentAtMost)
	}
	return nil
}

// ctl runs datadogoauthctl.
func (l *lab) ctl(ctx context.Context, args ...string) error {
	if out, err := exec.CommandContext(ctx, l.Ctl, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("datadogoauthctl %s %s: %w: %s", args[0], args[1], err, out)
	}
	return nil
}
