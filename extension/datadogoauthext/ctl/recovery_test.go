package ctl_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/admin"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/audit"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/seal"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// TestRecovery runs the commands of docs/recovery.md, section by section, on a collector with two customers.
func TestRecovery(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"curl", "jq"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(tool, " is not installed: ", err)
		}
	}
	sections := procedures(t)
	for name, c := range map[string]struct {
		before func(*operator)
		after  func(*operator)
	}{
		"Backups": {after: func(o *operator) {
			info, err := os.Stat(o.archive())
			require.NoError(o.TB, err)
			require.Equal(o.TB, os.FileMode(0o600), info.Mode().Perm())
			keys := o.keysOf("acme", "globex")
			o.stop()
			require.Equal(o.TB, o.records(o.StorePath()), o.archived())
			require.NoError(o.TB, os.Remove(o.StorePath())) // only the backup and the keysets are left
			run(o.TB, with(o.keysets(), "store", "restore", "--from", o.archive(), "--store", o.StorePath())...)
			o.start()
			o.serves("acme", "globex")
			require.Equal(o.TB, keys, o.keysOf("acme", "globex"))
		}},
		"Lost store": {
			before: func(o *operator) {
				o.backup()
				o.stop()
				require.NoError(o.TB, os.WriteFile(o.StorePath(), []byte("not a store"), 0o600))
				_, o.release = o.Datadog.Held("/api/v2/validate") // else the quarantine could end by itself first
			},
			after: func(o *operator) {
				o.serves("acme", "globex")
				_, on := o.service.Quarantine()
				require.False(o.TB, on, "the operator ended it")
				o.release()
			},
		},
		"Lost tokens keyset": {after: func(o *operator) {
			o.serves("acme", "globex")
			o.connect("acme", granttest.OrgA)
			o.serves("acme", "globex")
		}},
		"Lost keys keyset": {after: func(o *operator) {
			require.Empty(o.TB, o.service.Tenants())
			_, err := o.Connect(o.service, "acme", site.US1(), granttest.OrgB+"0")
			require.NoError(o.TB, err)
		}},
		"Leaked client secret": {
			before: func(o *operator) {
				o.Datadog.SetSecret("another-client-secret")
				require.NoError(o.TB, os.WriteFile(o.SecretFile+".new", []byte("another-client-secret"), 0o600))
			},
			after: func(o *operator) {
				o.connect("initech", granttest.OrgA)
				o.serves("acme", "globex", "initech")
			},
		},
		"Leaked keyset": {
			before: func(o *operator) {
				o.backup()
			},
			after: func(o *operator) {
				tokens, _ := o.load()
				require.False(o.TB, tokens.Holds(o.leaked))
				for _, r := range o.archived() {
					id, ok := seal.KeyID(r.Value)
					require.True(o.TB, ok && id != o.leaked, "%s %s", r.Kind, r.Key)
				}
				o.stop()
				o.start()
				o.serves("acme", "globex")
			},
		},
		"Leaked store": {
			before: func(o *operator) { o.backup(); o.steal() },
			after:  (*operator).opensNothingWithoutAKeyset,
		},
		"Leaked store and keyset": {
			before: func(o *operator) {
				o.Datadog.LetManageKeys()
				o.backup()
				o.steal()
				o.loot.works(o)
				o.Datadog.SetSecret("another-client-secret")
				require.NoError(o.TB, os.WriteFile(o.SecretFile+".new", []byte("another-client-secret"), 0o600))
			},
			after: func(o *operator) {
				o.loot.isUseless(o)
				for _, tenant := range []string{"acme", "globex"} {
					_, err := o.service.Lookup(tenant)
					require.ErrorIs(o.TB, err, credential.ErrDisconnected)
				}
				o.connect("acme", granttest.OrgA)
				o.connect("globex", granttest.OrgB)
				o.serves("acme", "globex")
				o.loot.isUseless(o)
			},
		},
		"Unreadable record": {
			before: func(o *operator) {
				o.stop()
				o.edit(func(get func(store.Kind, string) store.Record) []store.Record {
					r := get(store.KindToken, "acme")
					r.Value[len(r.Value)-1] ^= 1
					return []store.Record{r}
				})
				o.start()
				o.fails = "1 of "
			},
			after: func(o *operator) {
				o.connect("acme", granttest.OrgA)
				o.serves("acme", "globex")
				o.stop()
				require.Contains(o.TB, run(o.TB, with(o.keysets(), "store", "verify", "--store", o.StorePath())...), "every record opens")
			},
		},
	} {
		lines := sections[name]
		delete(sections, name)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.NotEmpty(t, lines, "docs/recovery.md has no commands for it")
			o := newOperator(t)
			if c.before != nil {
				c.before(o)
			}
			for _, line := range lines {
				o.do(line)
			}
			require.Empty(t, o.fails, "verify found nothing")
			if c.after != nil {
				c.after(o)
			}
		})
	}
	require.Empty(t, sections, "sections of docs/recovery.md without a test")
}

// procedures are the lines of the sh blocks of docs/recovery.md by the heading above them.
func procedures(t *testing.T) map[string][]string {
	t.Helper()
	raw, err := os.ReadFile("../../../docs/recovery.md")
	require.NoError(t, err)
	sections, heading, inside := map[string][]string{}, "", false
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "## "):
			heading = strings.TrimPrefix(line, "## ")
		case strings.HasPrefix(line, "```"):
			inside = line == "```sh"
		case inside:
			sections[heading] = append(sections[heading], line)
		}
	}
	return sections
}

// operator is somebody at a shell of the collector's machine, whose directories lie elsewhere.
type operator struct {
	world
	service *grant.Service
	asked   atomic.Pointer[collector] // which the admin listener shows
	admin   *httptest.Server
	release func()
	idle    chan struct{} // gets a value when the collector begins to wait
	mu      sync.Mutex    // guards waiting
	waiting []chan time.Time
	added   string // the key that keyset add made
	leaked  uint32
	loot    loot
	fails   string // what store verify is to fail with, until it did
}

func newOperator(t *testing.T) *operator {
	o := &operator{world: newWorld(t), idle: make(chan struct{}, 1)}
	o.Edit = func(opts *grant.Options) { opts.After = o.after }
	const token = "0123456789abcdef0123456789abcdef"
	require.NoError(t, os.WriteFile(o.file("operate.token"), []byte(token), 0o600))
	require.NoError(t, os.WriteFile(o.file("operate.header"), []byte("Authorization: Bearer "+token), 0o600))
	listener := admin.New(admin.Options{Grants: running{at: &o.asked}, Tokens: []admin.Token{{Name: "ops", Role: admin.RoleOperate, File: o.file("operate.token")}}, Endpoint: "localhost:8445"})
	require.NoError(t, listener.CheckTokens())
	o.admin = httptest.NewServer(listener.Handler())
	t.Cleanup(o.admin.Close)
	o.start()
	return o
}

func (o *operator) start() {
	o.service = o.Start()
	o.asked.Store(&collector{o.service, o.Store()})
}

func (o *operator) stop() { o.world.stop(o.service) }

// after lets what a collector does now and then wait until sleep wakes it.
func (o *operator) after(d time.Duration) <-chan time.Time {
	if d <= 10*time.Second {
		return o.Clock.After(d)
	}
	wake := make(chan time.Time, 1)
	o.mu.Lock()
	o.waiting = append(o.waiting, wake)
	o.mu.Unlock()
	select {
	case o.idle <- struct{}{}:
	default:
	}
	return wake
}

// sleep wakes the collector until it has sealed everything under the primary keys of the keyset files.
func (o *operator) sleep() {
	o.TB.Helper()
	o.Clock.Advance(time.Minute)
	timeout := time.After(10 * time.Second)
	for sealed := false; !sealed; sealed = o.sealed() {
		o.mu.Lock()
		for _, wake := range o.waiting {
			wake <- o.Clock.Now()
		}
		o.waiting = nil
		o.mu.Unlock()
		select {
		case <-o.idle:
		case <-timeout:
			o.TB.Fatal("the collector does not seal everything under the primary keys")
		}
	}
}

func (o *operator) sealed() bool {
	tokens, keys := o.load()
	others := 0
	require.NoError(o.TB, o.Store().(*store.Bolt).Snapshot(o.TB.Context(), func(r store.Record) error {
		ks := grant.KeysetOf(tokens, keys)(r.Kind)
		if r.Kind == store.KindCanary && r.Key == "keys" {
			ks = keys
		}
		if id, ok := seal.KeyID(r.Value); !ok || id != ks.PrimaryID() {
			others++
		}
		return nil
	}))
	return others == 0
}

// collector is what runs between a start and a stop.
type collector struct {
	*grant.Service
	store store.Store
}

// running shows a collector to its admin listener: what the procedures use of it.
type running struct {
	admin.Grants
	at *atomic.Pointer[collector]
}

func (r running) Ready() (bool, string) { return r.at.Load().Ready(), "" }

func (r running) Query(admin.Query) (page admin.Page) {
	for _, t := range r.at.Load().Tenants() {
		page.Tenants = append(page.Tenants, admin.TenantStatus{Tenant: t.Tenant, Hold: string(t.Facts.Hold)})
	}
	page.Total = len(page.Tenants)
	return page
}

func (r running) Tenant(name string) (admin.TenantStatus, bool) {
	for _, t := range r.at.Load().TenantsNamed([]string{name}) {
		return admin.TenantStatus{Tenant: t.Tenant, Hold: string(t.Facts.Hold)}, true
	}
	return admin.TenantStatus{}, false
}

func (r running) Sends([]string) map[string][]admin.SendFigure { return nil } // no exporter runs

func (r running) Clients() []string { return nil }

func (r running) Sending() bool { return false }

func (r running) SendHistory(string) admin.SendHistory { return admin.SendHistory{} }

func (r running) Quarantine() (admin.Quarantine, bool) {
	q, on := r.at.Load().Quarantine()
	return admin.Quarantine{RestoredAt: q.RestoredAt}, on
}

func (r running) EndQuarantine(ctx context.Context, by string) error {
	return r.at.Load().EndQuarantine(ctx, by)
}

func (r running) Disconnect(ctx context.Context, tenant, reason, by string) error {
	return r.at.Load().Disconnect(ctx, tenant, reason, by)
}

func (r running) Revocations(ctx context.Context) (all []admin.Revocation, err error) {
	left, err := r.at.Load().Revocations(ctx)
	for _, item := range left {
		all = append(all, admin.Revocation{Tenant: item.Tenant})
	}
	return all, err
}

func (r running) Note(ctx context.Context, rec audit.Record) { r.at.Load().NoteAnyway(ctx, rec) }

func (r running) Archive(ctx context.Context, w io.Writer) error {
	return store.WriteArchive(ctx, r.at.Load().store, w, time.Now())
}

func (o *operator) archive() string { return o.file("grants.archive") }

func (o *operator) backup() {
	require.NoError(o.TB, store.WriteArchive(o.TB.Context(), o.Store(), mustCreate(o.TB, o.archive()), time.Now()))
}

var primaryKey = regexp.MustCompile(`(?m)^(\d+) +primary`)

var directories = regexp.MustCompile(`/(?:etc|var/lib|var/backups)/otelcol-datadogoauth`)

// do runs one line. The service manager and the passing of time are played; everything else runs.
func (o *operator) do(line string) {
	o.TB.Helper()
	line = directories.ReplaceAllString(line, o.Dir)
	line = strings.NewReplacer("tokens.keyset.json", filepath.Base(o.TokensKeyset()), "keys.keyset.json", filepath.Base(o.KeysKeyset()),
		"http://localhost:8445", o.admin.URL, "client.secret", filepath.Base(o.SecretFile), "ADDED", o.added, "LEAKED", fmt.Sprint(o.leaked)).Replace(line)
	switch args := strings.Fields(line); {
	case line == "systemctl stop otelcol-datadogoauth":
		o.stop()
	case line == "systemctl start otelcol-datadogoauth":
		o.start()
	case args[0] == "sleep":
		o.sleep()
	case args[0] == "datadogoauthctl" && args[2] == "verify" && o.fails != "":
		failed, _ := refused(o.TB, args[1:]...)
		require.ErrorContains(o.TB, failed, o.fails)
		o.fails = ""
	case args[0] == "datadogoauthctl":
		stdout := run(o.TB, args[1:]...)
		if args[1] == "keyset" && args[2] == "list" { // they look up the id of the primary key
			id, err := strconv.ParseUint(primaryKey.FindStringSubmatch(stdout)[1], 10, 32)
			require.NoError(o.TB, err)
			o.leaked = uint32(id)
		}
		if _, rest, ok := strings.Cut(stdout, "added key "); ok {
			o.added = strings.Fields(rest)[0]
		}
	default:
		out, err := exec.CommandContext(o.TB.Context(), "sh", "-c", line).CombinedOutput()
		require.NoError(o.TB, err, "%s: %s", line, out)
	}
}

func (o *operator) connect(tenant, org string) {
	o.TB.Helper()
	_, err := o.Connect(o.service, tenant, site.US1(), org)
	require.NoError(o.TB, err)
}

// serves waits until data of the tenants can be sent.
func (o *operator) serves(tenants ...string) {
	o.TB.Helper()
	timeout := time.After(10 * time.Second)
	for _, tenant := range tenants {
		for {
			changed := o.service.Changes()
			_, err := o.service.Lookup(tenant)
			if err == nil {
				break
			}
			select {
			case <-changed:
			case <-timeout:
				o.TB.Fatalf("%s: %v", tenant, err)
			}
		}
	}
}

// keysOf are the API keys that data of tenants goes out with.
func (o *operator) keysOf(tenants ...string) (keys []string) {
	o.TB.Helper()
	for _, tenant := range tenants {
		cred, err := o.service.Lookup(tenant)
		require.NoError(o.TB, err)
		req, err := cred.NewRequest(o.TB.Context(), site.Endpoints{}, http.MethodPost, site.HostAPI, "/", nil)
		require.NoError(o.TB, err)
		keys = append(keys, req.Header.Get("DD-API-KEY"))
	}
	return keys
}

// archived are the records of the backup.
func (o *operator) archived() []store.Record {
	o.TB.Helper()
	file, err := os.Open(o.archive())
	require.NoError(o.TB, err)
	defer file.Close()
	archive, err := store.ReadArchive(file)
	require.NoError(o.TB, err)
	return archive.Records
}

func mustCreate(t testing.TB, path string) *os.File {
	t.Helper()
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	t.Cleanup(func() { _ = file.Close() })
	return file
}
