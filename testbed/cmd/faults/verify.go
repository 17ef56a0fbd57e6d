package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// inspection is what `datadogoauthctl store verify --json` tells of a store.
type inspection struct {
	Unreadable    []json.RawMessage `json:"unreadable"`
	OpenRefreshes int               `json:"open_refreshes"` // begun, and no end of them is stored
	OpenMints     int               `json:"open_mints"`
}

// verify looks into the store of a collector that was killed. A record that does not open is an error.
func (l *lab) verify(ctx context.Context, w *world.World) (inspection, error) {
	var found inspection
	out, err := exec.CommandContext(ctx, l.Ctl, "store", "verify", "--json", "--store", w.Path("grants.db"),
		"--tokens-keyset", w.Path("tokens.keyset.json"), "--keys-keyset", w.Path("keys.keyset.json")).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, exit.Stderr)
		}
		return found, fmt.Errorf("datadogoauthctl store verify, after a kill: %w", err)
	}
	if err := json.Unmarshal(out, &found); err != nil {
		return found, fmt.Errorf("datadogoauthctl store verify --json: %w", err)
	}
	return found, nil
}

// quiet waits until everything that a killed collector had sent has had its effect.
func (l *lab) quiet(ctx context.Context, w *world.World) error {
	ctx, cancel := context.WithTimeout(ctx, settleWithin)
	defer cancel()
	return w.Standin.AwaitQuiet(ctx)
}
