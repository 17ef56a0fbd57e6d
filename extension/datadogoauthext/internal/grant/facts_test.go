package grant

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
)

// The rows below are written from the architecture, independent of the tables in facts.go. "" means that the event cannot
// occur in that state.

func TestTokenTable(t *testing.T) {
	t.Parallel()
	const none, ok, fail, re = TokenNone, TokenOK, TokenFailing, TokenReauthorise
	facts := []TokenFact{none, ok, fail, re}
	checkTable(t, tokenTable, facts, map[TokenEvent][]TokenFact{
		EvConnected:      {ok, ok, ok, ok},
		EvRefreshed:      {"", ok, ok, re},
		EvRefreshFailed:  {"", fail, fail, re},
		EvClientRejected: {"", ok, fail, re}, // never ends a grant
		EvRevoked:        {"", re, re, re},
		EvClientDisabled: {"", re, re, re},
		EvOutcomeUnknown: {"", re, re, re},
		EvClientChanged:  {none, re, re, re},
		EvErased:         {none, none, none, none},
	})
}

func TestKeyTable(t *testing.T) {
	t.Parallel()
	const none, minting, fresh, ok, refused, exists = KeyNone, KeyMinting, KeyFresh, KeyOK, KeyRefused, KeyExistsUnknown
	facts := []KeyFact{none, minting, fresh, ok, refused, exists}
	checkTable(t, keyTable, facts, map[KeyEvent][]KeyFact{
		EvMintBegun:    {minting, minting, minting, minting, minting, minting},
		EvMinted:       {"", fresh, "", "", "", ""},
		EvMintRefused:  {none, none, "", "", "", exists},
		EvMintConflict: {exists, exists, "", "", "", exists},
		EvMintUnknown:  {none, none, "", "", "", exists},
		EvAged:         {"", "", ok, ok, refused, ""},
		EvValidated:    {ok, ok, fresh, ok, ok, ok},
		EvKeyRefused:   {none, refused, refused, refused, refused, exists},
		EvKeyDropped:   {none, none, none, none, none, none},
	})
}

func TestHoldTable(t *testing.T) {
	t.Parallel()
	const none, paused, gone, bad = HoldNone, HoldPaused, HoldDisconnected, HoldUnreadable
	facts := []Hold{none, paused, gone, bad}
	checkTable(t, holdTable, facts, map[HoldEvent][]Hold{
		EvPause:      {paused, paused, "", ""},
		EvResume:     {none, none, "", ""},
		EvDisconnect: {gone, gone, gone, ""},
		EvReconnect:  {none, paused, none, ""}, // a consent does not undo an operator's pause
		EvUnreadable: {bad, bad, bad, bad},
		EvReadable:   {none, paused, gone, none},
	})
}

// checkTable compares every cell, those that must not exist too.
func checkTable[F, E ~string](t *testing.T, tab table[F, E], facts []F, want map[E][]F) {
	t.Helper()
	require.Len(t, tab, len(facts), "a fact has no row, or one is not known to this test")
	for event, nexts := range want {
		for i, fact := range facts {
			got, err := tab.next(fact, event)
			if nexts[i] == "" {
				assert.Error(t, err, "%s in %s", event, fact)
				assert.Equal(t, fact, got)
				continue
			}
			assert.NoError(t, err, "%s in %s", event, fact)
			assert.Equal(t, nexts[i], got, "%s in %s", event, fact)
		}
	}
	for fact, row := range tab {
		for event := range row {
			assert.Contains(t, want, event, "%s in %s is not known to this test", event, fact)
		}
	}
}

func TestSendingDependsOnKeyAndHoldOnly(t *testing.T) {
	t.Parallel()
	want := map[Hold]error{HoldPaused: credential.ErrPaused, HoldDisconnected: credential.ErrDisconnected, HoldUnreadable: credential.ErrPaused}
	wantKey := map[KeyFact]error{
		KeyNone: credential.ErrKeyMissing, KeyMinting: credential.ErrKeyMissing, KeyExistsUnknown: credential.ErrKeyMissing, KeyRefused: credential.ErrKeyRefused,
	}
	for token := range tokenTable {
		for key := range keyTable {
			for hold := range holdTable {
				f := Facts{Token: token, Key: key, Hold: hold}
				expect := want[hold]
				if expect == nil {
					expect = wantKey[key]
				}
				assert.True(t, errors.Is(f.sendError("t", "why", false), expect), "%+v", f)
				assert.Contains(t, States, f.State(), "%+v", f)
				if token == TokenReauthorise && expect == nil {
					assert.ErrorIs(t, f.sendError("t", "why", true), credential.ErrPaused, "%+v, switched", f)
				}
			}
		}
	}
}

func TestTheFirstReasonOfADeadTokenStays(t *testing.T) {
	t.Parallel()
	tok := Token{Fact: TokenOK}
	start := time.Now()
	require.NoError(t, tok.event(EvRevoked, "revoked by the customer", start))
	require.NoError(t, tok.event(EvClientChanged, "client changed", start.Add(time.Hour)))
	assert.Equal(t, "revoked by the customer", tok.Reason)
	assert.Equal(t, start, tok.Since)
}
