package ctl

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

// storeVerify opens every record and prints what is there, then fails when one of them does not open.
func storeVerify(ctx context.Context, c *command) error {
	from := c.placeFlags("", wayFile, wayDSN, wayAdmin, wayArchive)
	tokensFile := c.flags.String("tokens-keyset", "", "")
	keysFile := c.flags.String("keys-keyset", "", "")
	asJSON := c.flags.Bool("json", false, "")
	if err := c.parse(); err != nil {
		return err
	}
	if err := from.check(c); err != nil {
		return err
	}
	tokens, keys, err := c.loadKeysets(*tokensFile, *keysFile)
	if err != nil {
		return err
	}
	contents, err := from.read(ctx, c)
	if err != nil {
		return err
	}
	defer contents.release()
	found, err := grant.InspectEach(contents.each, tokens, keys)
	if err != nil {
		return c.fault(err, from.hint(err))
	}
	if *asJSON {
		lines := json.NewEncoder(c.stdout)
		lines.SetIndent("", "  ")
		err = lines.Encode(found)
	} else {
		err = c.printInspection(from, found)
	}
	if err != nil {
		return err
	}
	if len(found.Records) == 0 {
		return c.fault(fmt.Errorf("%s: %w", from, errNothingThere), "name the store that the collector uses")
	}
	if n, all := len(found.Unreadable)+found.MoreUnreadable, countAll(found.Records); n > 0 {
		return c.fault(fmt.Errorf("%d of %d %w", n, all, errUnreadable), unreadableHint(n, all))
	}
	return nil
}

func unreadableHint(bad, all int) string {
	if bad == all {
		return "these are probably the keysets of another store"
	}
	return "the other tenants go on; put a backup that opens into a new store, or send the customers concerned the connect link: a connection replaces the records, a grant once an operator confirms it"
}

func (c *command) printInspection(from *place, found *grant.Inspection) error {
	var text strings.Builder
	fmt.Fprintf(&text, "%s holds %s\n", from, countsText(found.Records))
	for _, s := range found.SealedBy {
		role := ""
		if s.Primary {
			role = ", the primary one"
		}
		fmt.Fprintf(&text, "sealed by key %d of the %s keyset%s: %d\n", s.ID, s.Keyset, role, s.Records)
	}
	fmt.Fprintf(&text, "begun and not ended: %d refreshes, %d mints\n", found.OpenRefreshes, found.OpenMints)
	if q := found.Quarantine; q != nil {
		fmt.Fprintf(&text, "in quarantine since it was restored at %s; %d refreshes were refused, stopped: %t\n", q.RestoredAt.UTC().Format(madeFormat), q.Spent, q.Stopped)
	}
	for _, warning := range found.Warnings {
		fmt.Fprintf(&text, "warning: %s\n", clean(warning))
	}
	for _, bad := range found.Unreadable {
		fmt.Fprintf(&text, "unreadable: %s %s: %s\n", clean(string(bad.Kind)), clean(bad.Key), clean(bad.Error))
	}
	if found.MoreUnreadable > 0 {
		fmt.Fprintf(&text, "unreadable: %d more\n", found.MoreUnreadable)
	}
	if len(found.Unreadable) == 0 {
		text.WriteString("every record opens\n")
	}
	return c.printf("%s", text.String())
}

func countAll(counts map[store.Kind]int) (n int) {
	for _, count := range counts {
		n += count
	}
	return n
}
