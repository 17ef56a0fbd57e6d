package grant

import "time"

// event moves the token to the next fact of the table. A repeated fact keeps its date.
func (t *Token) event(ev TokenEvent, reason string, now time.Time) error {
	to, err := tokenTable.next(factOr(t.Fact, TokenNone), ev)
	if err != nil {
		return err
	}
	if to != t.Fact {
		t.Since = now
	}
	// In the dead state the first reason stays: what comes later is a consequence.
	if t.Fact != TokenReauthorise || to != TokenReauthorise {
		t.Reason = reason
	}
	t.Fact = to
	return nil
}

// event moves the key to the next fact of the table.
func (o *Org) event(ev KeyEvent, reason string, now time.Time) error {
	to, err := keyTable.next(factOr(o.Key, KeyNone), ev)
	if err != nil {
		return err
	}
	if to != o.Key {
		o.KeySince = now
	}
	o.Key, o.KeyReason = to, reason
	return nil
}

// event moves the hold to the next value of the table.
func (g *Grant) event(ev HoldEvent, reason string, now time.Time) error {
	to, err := holdTable.next(factOr(g.Hold, HoldNone), ev)
	if err != nil {
		return err
	}
	if to != g.Hold {
		g.HoldSince = now
		g.HoldReason = reason
	}
	g.Hold = to
	return nil
}

func factOr[F ~string](f, zero F) F {
	if f == "" {
		return zero
	}
	return f
}
