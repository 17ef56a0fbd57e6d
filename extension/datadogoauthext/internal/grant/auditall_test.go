package grant_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/audit"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
)

// bookkeeping are the fields whose change alone is not recorded: dates of what is recorded, intents, attempts and when the next one is due.
var bookkeeping = []string{
	"Client.Name", // its address
	"Grant.Tenant", "Grant.HoldSince", "Grant.Invitation",
	"Org.KeySince", "Org.MintedAt", "Org.ValidatedAt", "Org.Mint.Begun", "Org.Mint.Lost", "Org.Mint.Attempts", "Org.Mint.Stored", "Org.Mint.Fence",
	"Token.Tenant", "Token.Client", "Token.Since", "Token.Expiry", "Token.RefreshedAt",
	"Token.Refresh.Begun", "Token.Refresh.Unanswered", "Token.Refresh.Fence", "Token.Refresh.Disabled",
	"Pending.Grant.Tenant", "Pending.Grant.AppOrigin", "Pending.Grant.StartedDomain", "Pending.Grant.CallbackDomain", "Pending.Grant.ConnectedAt", "Pending.Grant.Invitation",
	"Pending.Grant.Hold", "Pending.Grant.HoldReason", "Pending.Grant.HoldSince", // of a grant that is not one yet
	"Pending.Token.Tenant", "Pending.Token.Client", "Pending.Token.Since", "Pending.Token.Expiry", "Pending.Token.RefreshedAt", "Pending.Token.Scopes", "Pending.Consent",
	"Pending.Token.Refresh.Begun", "Pending.Token.Refresh.Unanswered", "Pending.Token.Refresh.Fence", "Pending.Token.Refresh.Disabled",
	"Invitation.Client", "Invitation.Created",
	"Revocation.Tenant", "Revocation.Why", "Revocation.Asked", "Revocation.Attempts", "Revocation.Next", "Revocation.Reason",
	"Revocation.Token.Tenant", "Revocation.Token.Client", "Revocation.Token.Fact", "Revocation.Token.Reason", "Revocation.Token.Since", "Revocation.Token.Expiry",
	"Revocation.Token.RefreshedAt", "Revocation.Token.Scopes",
	"Revocation.Token.Refresh.Begun", "Revocation.Token.Refresh.Unanswered", "Revocation.Token.Refresh.Fence", "Revocation.Token.Refresh.Disabled",
}

// Every field of every record is either recorded when it changes, or in the list above: a field that somebody adds has to be decided on.
func TestEveryFieldIsRecordedOrBookkeeping(t *testing.T) {
	t.Parallel()
	describe := map[string]func(before, after reflect.Value) []audit.Record{
		"Client":     described(func(b, a grant.Client) []audit.Record { return grant.Described(b, a) }),
		"Org":        described(func(b, a grant.Org) []audit.Record { return grant.Described(b, a) }),
		"Grant":      described(func(b, a grant.Grant) []audit.Record { return grant.Described(b, a) }),
		"Token":      described(func(b, a grant.Token) []audit.Record { return grant.Described(b, a) }),
		"Invitation": described(func(b, a grant.Invitation) []audit.Record { return grant.Described(b, a) }),
		"Pending":    described(func(b, a grant.Pending) []audit.Record { return grant.Described(b, a) }),
		"Revocation": described(func(b, a grant.Revocation) []audit.Record { return grant.Described(b, a) }),
		"Quarantine": described(func(b, a grant.Quarantine) []audit.Record { return grant.Described(b, a) }),
	}
	types, bases := map[string]reflect.Type{}, map[string]reflect.Value{}
	for _, rec := range []any{ // as they are before the change
		grant.Client{Name: "main"}, grant.Org{Org: credential.Org{Client: "main"}, Key: grant.KeyOK}, grant.Grant{Tenant: "acme"}, grant.Token{Tenant: "acme"}, grant.Invitation{Hash: strings.Repeat("a", 64)},
		grant.Pending{Grant: grant.Grant{Tenant: "acme"}}, grant.Revocation{ID: strings.Repeat("a", 64)}, grant.Quarantine{Spent: 1},
	} {
		name := reflect.TypeOf(rec).Name()
		types[name], bases[name] = reflect.TypeOf(rec), reflect.ValueOf(rec)
	}
	require.Len(t, describe, len(types))
	left := slices.Clone(bookkeeping)
	for _, name := range slices.Sorted(maps.Keys(types)) {
		for path, index := range leaves(types[name], name, nil) {
			before, after := reflect.New(types[name]).Elem(), reflect.New(types[name]).Elem()
			before.Set(bases[name])
			after.Set(bases[name])
			change(t, after.FieldByIndex(index))
			recorded := len(describe[name](before, after)) > 0
			i := slices.Index(left, path)
			if i >= 0 {
				left = slices.Delete(left, i, i+1)
			}
			assert.Equal(t, i < 0, recorded, "%s: recorded, and not in the list of bookkeeping, or the other way round", path)
		}
	}
	assert.Empty(t, left, "no field has this name")
}

func described[R any](f func(before, after R) []audit.Record) func(before, after reflect.Value) []audit.Record {
	return func(before, after reflect.Value) []audit.Record {
		return f(before.Interface().(R), after.Interface().(R))
	}
}

// leaves are the fields that hold a value, by their path.
func leaves(t reflect.Type, path string, index []int) map[string][]int {
	all := map[string][]int{}
	for _, f := range reflect.VisibleFields(t) {
		if len(f.Index) > 1 {
			continue // promoted; it is found below what it is promoted from
		}
		at, name := append(slices.Clone(index), f.Index...), path+"."+f.Name
		if f.Type.Kind() == reflect.Struct && f.Type != reflect.TypeFor[time.Time]() {
			maps.Copy(all, leaves(f.Type, name, at))
			continue
		}
		all[name] = at
	}
	return all
}

func change(t *testing.T, v reflect.Value) {
	t.Helper()
	switch v.Kind() {
	case reflect.String:
		v.SetString("changed-to-something")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int:
		v.SetInt(7)
	case reflect.Uint64:
		v.SetUint(7)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		change(t, v.Index(0))
	case reflect.Struct:
		v.Set(reflect.ValueOf(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)))
	default:
		t.Fatalf("what is a %s?", v.Type())
	}
}

// Whoever writes to a store is in this list. All but update write what holds no grant, or copy what was recorded before.
var writers = []string{
	"ctl/target.go: fill", "ctl/target.go: importStreamed", // records of another store, with their audit
	"internal/grant/audit.go: ensureFingerprints", "internal/grant/auditsweep.go: sweepAudited",
	"internal/grant/journal.go: WriteEntry",    // the senders' own
	"internal/grant/localcopy.go: writeCopy",   // of a collector that only sends
	"internal/grant/storefault.go: proveWrite", // leaves nothing behind
	"internal/grant/vault.go: apply",           // for those here
	"internal/grant/vault.go: update",
	"internal/seal/canary.go: Prove", "internal/seal/reseal.go: putAll", // under another key, with the same content
}

func TestNoWriteGoesPastTheAudit(t *testing.T) {
	t.Parallel()
	var found []string
	root := filepath.Join("..", "..")
	require.NoError(t, filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") ||
			strings.Contains(path, "granttest") || strings.Contains(path, "storetest") || strings.Contains(path, "generated_") || strings.Contains(path, filepath.Join("internal", "store")) {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, path)
		for _, decl := range file.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			ast.Inspect(fn, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				if sel, ok := call.Fun.(*ast.SelectorExpr); ok && slices.Contains([]string{"Apply", "Import", "Fill", "apply"}, sel.Sel.Name) {
					if at := filepath.ToSlash(name) + ": " + fn.Name.Name; !slices.Contains(found, at) {
						found = append(found, at)
					}
				}
				return true
			})
		}
		return nil
	}))
	slices.Sort(found)
	assert.Equal(t, writers, found)
}
