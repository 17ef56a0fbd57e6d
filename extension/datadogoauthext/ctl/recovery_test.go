package ctl_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/seal"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// TestRecovery runs the commands of docs/recovery.md, section by section, on a collector with two customers.
func TestRecovery(t *testing.T) {
	t.Parallel()
	sections := procedures(t)
	for name, c := range map[string]struct {
		before func(*operator)
		after  func(*operator)
	}{
		"Backups": {},
		"Lost store": {
			before: func(o *operator) {
				o.backup()
				o.stop()
				require.NoError(o.TB, os.WriteFile(o.StorePath(), []byte("not a store"), 0o600))
			},
			after: func(o *operator) {
				o.serves("acme", "globex")
				_, on := o.service.Quarantine()
				require.False(o.TB, on, "the operator ended it")
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
				tokens, _ := o.load()
				o.leaked = tokens.PrimaryID()
			},
			after: func(o *operator) {
				tokens, _ := o.load()
				require.False(o.TB, tokens.Holds(o.leaked))
				raw, err := os.ReadFile(o.archive())
				require.NoError(o.TB, err)
				archive, err := store.ReadArchive(strings.NewReader(string(raw)))
				require.NoError(o.TB, err)
				for _, r := range archive.Records {
					id, ok := seal.KeyID(r.Value)
					require.True(o.TB, ok && id != o.leaked, "%s %s", r.Kind, r.Key)
				}
				o.stop()
				o.start()
				o.serves("acme", "globex")
			},
		},
		"Leaked store": {},
		"Leaked store and keyset": {after: func(o *operator) {
			o.serves("globex")
			_, err := o.service.Lookup("acme")
			require.Error(o.TB, err)
			o.Datadog.RevokeKey(site.US1(), granttest.OrgA) // by the customer, who was told: this client may not
			o.connect("acme", granttest.OrgA)
			o.serves("acme")
		}},
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
	admin   *httptest.Server
	added   string // the key that keyset add made
	leaked  uint32
	fails   string // what store verify is to fail with, until it did
}

func newOperator(t *testing.T) *operator {
	o := &operator{world: newWorld(t)}
	const token = "0123456789abcdef0123456789abcdef"
	require.NoError(t, os.WriteFile(o.file("operate.token"), []byte(token), 0o600))
	o.admin = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/store/archive" || r.Header.Get("Authorization") != "Bearer "+token {
			http.NotFound(w, r)
			return
		}
		_ = store.WriteArchive(r.Context(), o.Store(), w, time.Now())
	}))
	t.Cleanup(o.admin.Close)
	o.start()
	return o
}

func (o *operator) start() { o.service = o.Start() }
func (o *operator) stop()  { o.world.stop(o.service) }

func (o *operator) archive() string { return o.file("grants.archive") }

func (o *operator) backup() {
	require.NoError(o.TB, store.WriteArchive(o.TB.Context(), o.Store(), mustCreate(o.TB, o.archive()), time.Now()))
}

var (
	directories = regexp.MustCompile(`/(?:etc|var/lib|var/backups)/otelcol-datadogoauth`)
	order       = regexp.MustCompile(`^curl .*-X POST .*http://localhost:8445/v1/(?:tenants/(\w+)/disconnect|quarantine/end)$`)
)

// do runs one line. The service, the passing of time and orders to the collector are played; everything else runs.
func (o *operator) do(line string) {
	o.TB.Helper()
	ctx := o.TB.Context()
	if found := order.FindStringSubmatch(line); found != nil {
		if tenant := found[1]; tenant != "" {
			require.NoError(o.TB, o.service.Disconnect(ctx, tenant, "its credentials leaked", "test"))
		} else if _, on := o.service.Quarantine(); on {
			require.NoError(o.TB, o.service.EndQuarantine(ctx, "test"))
		}
		return
	}
	line = directories.ReplaceAllString(line, o.Dir)
	line = strings.NewReplacer("tokens.keyset.json", filepath.Base(o.TokensKeyset()), "keys.keyset.json", filepath.Base(o.KeysKeyset()),
		"http://localhost:8445", o.admin.URL, "client.secret", filepath.Base(o.SecretFile), "ADDED", o.added, "LEAKED", fmt.Sprint(o.leaked)).Replace(line)
	switch args := strings.Fields(line); {
	case line == "systemctl stop otelcol-datadogoauth":
		o.stop()
	case line == "systemctl start otelcol-datadogoauth":
		o.start()
	case args[0] == "sleep":
		tokens, keys := o.load()
		_, unreadable, err := seal.ResealAll(ctx, o.Store(), grant.KeysetOf(tokens, keys), nil)
		require.NoError(o.TB, err)
		require.Zero(o.TB, unreadable)
	case args[0] == "datadogoauthctl" && args[2] == "verify" && o.fails != "":
		failed, _ := refused(o.TB, args[1:]...)
		require.ErrorContains(o.TB, failed, o.fails)
		o.fails = ""
	case args[0] == "datadogoauthctl":
		stdout := run(o.TB, args[1:]...)
		if _, rest, ok := strings.Cut(stdout, "added key "); ok {
			o.added = strings.Fields(rest)[0]
		}
	default:
		out, err := exec.CommandContext(ctx, "sh", "-c", line).CombinedOutput()
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

func mustCreate(t testing.TB, path string) *os.File {
	t.Helper()
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	t.Cleanup(func() { _ = file.Close() })
	return file
}
