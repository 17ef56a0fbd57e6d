package grant

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
)

// Every (fact, event) pair has a cell below, a column for each fact. They are written from the architecture, independent of the tables in
// facts.go. "" means that the event cannot occur in that state.

func TestEveryFactAndEvent(t *testing.T) {
	t.Parallel()
	declared := declarations(t)
	t.Run("token", func(t *testing.T) {
		t.Parallel()
		const none, ok, fail, re = TokenNone, TokenOK, TokenFailing, TokenReauthorise
		checkTable(t, declared, tokenTable, []TokenFact{none, ok, fail, re}, map[TokenEvent][]TokenFact{
			EvConnected:      {ok, ok, ok, ok},
			EvRefreshed:      {"", ok, ok, re},
			EvLateAnswer:     {"", "", "", fail},
			EvRefreshFailed:  {"", fail, fail, re},
			EvClientRejected: {"", ok, fail, re}, // never ends a grant
			EvRevoked:        {"", re, re, re},
			EvClientDisabled: {"", re, re, re},
			EvOutcomeUnknown: {"", re, re, re},
			EvErased:         {none, none, none, none},
		})
	})
	t.Run("key", func(t *testing.T) {
		t.Parallel()
		const none, minting, fresh, ok, refused, exists = KeyNone, KeyMinting, KeyFresh, KeyOK, KeyRefused, KeyExistsUnknown
		checkTable(t, declared, keyTable, []KeyFact{none, minting, fresh, ok, refused, exists}, map[KeyEvent][]KeyFact{
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
	})
	t.Run("hold", func(t *testing.T) {
		t.Parallel()
		const none, paused, gone, bad = HoldNone, HoldPaused, HoldDisconnected, HoldUnreadable
		checkTable(t, declared, holdTable, []Hold{none, paused, gone, bad}, map[HoldEvent][]Hold{
			EvPause:      {paused, paused, "", ""},
			EvResume:     {none, none, "", ""},
			EvDisconnect: {gone, gone, gone, ""},
			EvReconnect:  {none, paused, none, ""}, // a consent does not undo an operator's pause
		})
	})
}

// checkTable compares every cell, those that must not exist too, with facts and events as they are declared.
func checkTable[F, E ~string](t *testing.T, declared map[string][]string, tab table[F, E], facts []F, want map[E][]F) {
	t.Helper()
	assert.Len(t, facts, len(declared[fmt.Sprintf("%T", facts[0])]), "a fact has no column")
	assert.Len(t, want, len(declared[fmt.Sprintf("%T", *new(E))]), "an event has no row")
	require.Len(t, tab, len(facts), "a fact is missing in the table, or in this test")
	cells := 0
	for event, nexts := range want {
		require.Len(t, nexts, len(facts), "%s", event)
		for i, fact := range facts {
			got, err := tab.next(fact, event)
			if nexts[i] == "" {
				assert.Error(t, err, "%s in %s", event, fact)
				assert.Equal(t, fact, got, "%s in %s", event, fact)
				continue
			}
			cells++
			assert.NoError(t, err, "%s in %s", event, fact)
			assert.Equal(t, nexts[i], got, "%s in %s", event, fact)
		}
	}
	for _, row := range tab {
		cells -= len(row)
	}
	assert.Zero(t, cells, "a cell of the table has no cell here")
}

// declarations lists the names of the constants in facts.go by "grant." and their type.
func declarations(t *testing.T) map[string][]string {
	file, err := parser.ParseFile(token.NewFileSet(), "facts.go", nil, 0)
	require.NoError(t, err)
	declared := map[string][]string{}
	for _, decl := range file.Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			continue
		}
		for _, spec := range group.Specs {
			value := spec.(*ast.ValueSpec)
			kind := "grant." + value.Type.(*ast.Ident).Name
			for _, name := range value.Names {
				declared[kind] = append(declared[kind], name.Name)
			}
		}
	}
	return declared
}

// An event that nothing in the program causes is a promise that nobody keeps.
func TestEveryEventHasAProducer(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	var code strings.Builder
	for _, name := range files {
		if name != "facts.go" && !strings.HasSuffix(name, "_test.go") {
			text, err := os.ReadFile(name)
			require.NoError(t, err)
			code.Write(text)
		}
	}
	events := 0
	for kind, names := range declarations(t) {
		if !strings.HasSuffix(kind, "Event") {
			continue
		}
		for _, name := range names {
			events++
			assert.Regexp(t, `(event|Event|keyEvent|orgEvent)\([^)]*\b`+name+`\b|ev: +`+name+`\b|failed\.ev[^\n]* = `+name+`\b`, code.String(), name)
		}
	}
	assert.Greater(t, events, 20)
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
	require.NoError(t, tok.event(EvClientDisabled, "client disabled", start.Add(time.Hour)))
	assert.Equal(t, "revoked by the customer", tok.Reason)
	assert.Equal(t, start, tok.Since)
}
