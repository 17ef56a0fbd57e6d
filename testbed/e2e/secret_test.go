package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/history"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/oauth"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// The secret lies in a Kubernetes projected volume: the file is a link into a link ..data, which is swapped for another.
// https://kubernetes.io/docs/concepts/storage/projected-volumes/
func TestTheClientSecretIsReplacedWhileRunning(t *testing.T) {
	t.Parallel()
	w := start(t, func(o *world.Options) { o.Tenants, o.Setup = threeCustomers[:1], &world.Setup{BearerLogs: true} })
	acceptBearerLogs(t, w)
	if err := w.Collector.Stop(); err != nil {
		t.Fatal(err)
	}
	volume := w.Path("volume")
	project(t, volume, "1", w.ClientSecret())
	if err := os.Remove(w.Path("client-secret")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(volume, "client-secret"), w.Path("client-secret")); err != nil {
		t.Fatal(err)
	}
	if err := w.StartCollector(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := w.Standin.OAuth().UpdateSettings(func(s *oauth.Settings) error { s.AccessTokenLife = time.Second; return nil }); err != nil {
		t.Fatal(err)
	}
	connectAll(t, w)

	secret, err := w.Standin.OAuth().RotateClientSecret(world.ClientID, "")
	if err != nil {
		t.Fatal(err)
	}
	rejected := history.Filter{Path: "/oauth2/v1/token", Status: http.StatusUnauthorized}
	within(t, 20*time.Second, "the old secret is rejected", func() bool {
		_ = w.SendLog(t.Context(), "acme", "needs a token")
		return len(w.Standin.History().List(rejected)) > 0
	})
	project(t, volume, "2", secret)
	swapped := time.Now()
	within(t, 20*time.Second, "the grant refreshes with the secret that took its place", func() bool {
		return w.SendLog(t.Context(), "acme", "needs a token") == nil
	})
	t.Logf("the collector refreshed %s after the swap", time.Since(swapped).Round(time.Millisecond))
	if n := len(w.Standin.History().List(rejected)); n > 3 {
		t.Errorf("%d calls with a secret that was rejected", n)
	}
	tenants, err := w.Tenants(t.Context())
	if err != nil || len(tenants) != 1 || tenants[0].Token.State != "ok" {
		t.Errorf("%+v, %v", tenants, err)
	}
}

// project does what the kubelet does: a directory of its own for each version, and one rename that shows it.
func project(t *testing.T, volume, version, secret string) {
	t.Helper()
	dir := filepath.Join(volume, "..version"+version)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "client-secret"), []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	next := filepath.Join(volume, "..data_tmp")
	if err := os.Symlink("..version"+version, next); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, filepath.Join(volume, "..data")); err != nil {
		t.Fatal(err)
	}
	shown := filepath.Join(volume, "client-secret")
	if _, err := os.Lstat(shown); err == nil {
		return
	}
	if err := os.Symlink(filepath.Join("..data", "client-secret"), shown); err != nil {
		t.Fatal(err)
	}
}
