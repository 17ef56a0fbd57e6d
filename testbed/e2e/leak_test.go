package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/freeport"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/leak"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/faults"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/history"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// TestRFC9700_NoSecretInAnyOutput runs a collector at debug level through connect, send, refusals that echo secrets, and a crash,
// and searches everything it wrote or answered for every secret that took part.
func TestRFC9700_NoSecretInAnyOutput(t *testing.T) {
	t.Parallel()
	ports := freePorts(t, 2)
	dir := t.TempDir()
	w := start(t, func(o *world.Options) {
		o.Dir = dir
		o.Args = []string{"--config", "testdata/leak.yaml"}
		o.Env = []string{"LEAK_ZPAGES=127.0.0.1:" + ports[0], "LEAK_METRICS_PORT=" + ports[1], "GOTRACEBACK=all"}
	})
	outputs := map[string]string{}
	shows := func(name, address string) {
		body, err := get(t, w, address)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		outputs[name] = body
	}

	// Two customers connect; the third is refused a key, by an answer that echoes the token it was asked with.
	for _, c := range w.Customers[:2] {
		if err := w.Connect(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	echo(t, w, faults.Fault{Path: "/api/v2/api_keys/marketplace", Status: 403})
	if err := w.Connect(t.Context(), w.Customers[2]); err == nil {
		t.Fatal("a customer was connected without a key")
	} else {
		outputs["page of a refused mint"] = err.Error()
	}
	// An authorization code is refused by an answer that echoes secrets.
	echo(t, w, faults.Fault{Path: "/oauth2/v1/token", Status: 400})
	if err := w.Connect(t.Context(), w.Customers[2]); err == nil {
		t.Fatal("a customer was connected without a token")
	} else {
		outputs["page of a refused code"] = err.Error()
	}
	w.Standin.Faults().Clear()

	// Data is delivered, then refused with an echo, and what cannot be sent stays in the queue's files.
	arrived(t, w, w.Customers[0], work(t, w, "acme", 10))
	echo(t, w, faults.Fault{Path: "/api/v2/series", Status: 400})
	echo(t, w, faults.Fault{Path: "/api/v2/logs", Status: 503})
	work(t, w, "acme", 10)
	if _, err := w.Standin.History().Await(t.Context(), 1, history.Filter{Path: "/api/v2/logs", Status: 503}); err != nil {
		t.Fatal(err)
	}

	link, err := w.Invite(t.Context(), "newcomer")
	if err != nil {
		t.Fatal(err)
	}
	shows("start page", link)
	for _, query := range []string{"", "?state=unknown-state-of-some-length&code=unknown-code-of-some-length&domain=datadoghq.com", "?error=access_denied"} {
		shows("callback "+query, w.PublicURL+"/callback"+query)
	}
	for _, page := range []string{"servicez", "pipelinez", "extensionz", "featurez", "tracez"} {
		shows(page, "http://127.0.0.1:"+ports[0]+"/debug/"+page)
	}
	shows("metrics", "http://127.0.0.1:"+ports[1]+"/metrics")
	shows("status page", w.AdminURL+"/")
	shows("tenants", w.AdminURL+"/v1/tenants")
	if !strings.Contains(outputs["tenants"], "acme") || !strings.Contains(outputs["metrics"], "datadogoauth") || !strings.Contains(outputs["status page"], "acme") {
		t.Errorf("the outputs are not what they should be: tenants %.200s, metrics %.200s, status page %.200s", outputs["tenants"], outputs["metrics"], outputs["status page"])
	}
	outputs["printed configuration"] = printedConfig(t, w, "testdata/leak.yaml")

	// A crash with the stacks of all goroutines.
	if err := syscall.Kill(w.Collector.PID(), syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	<-w.Collector.Done()
	if log := w.Log.String(); !strings.Contains(log, "goroutine ") {
		t.Error("the crash printed no stacks")
	}
	outputs["log"] = w.Log.String()
	files := readFiles(t, dir)
	for name, content := range files {
		outputs["file "+name] = content
	}
	if len(outputs["file grants.db"]) == 0 || len(files) < 2 {
		t.Errorf("store and queue files are missing: %d files", len(files))
	}

	names, scanner := secretsOf(t, w, dir)
	if len(names) < 15 {
		t.Errorf("only %d secrets took part", len(names))
	}
	for name, output := range outputs {
		for _, f := range scanner.Scan([]byte(output)) {
			t.Errorf("%s holds a secret: %s, %s, after %q", name, names[f.Secret], f, output[max(0, f.Offset-200):f.Offset])
		}
	}

	// The same search finds a leak that is planted.
	planted := []byte("debug: request failed, Authorization: Bearer " + lastSecret(w, "access_token") + "\n")
	if len(scanner.Scan(append([]byte(outputs["log"]), planted...))) == 0 {
		t.Error("a planted leak was not found")
	}
	if err := w.StartCollector(t.Context()); err != nil { // for the clean-up, and: a crash is survived
		t.Error(err)
	}
}

// echo adds a fault whose answer holds every secret that the stand-in knows.
func echo(t *testing.T, w *world.World, f faults.Fault) {
	t.Helper()
	var all []string
	for _, s := range w.Secrets() {
		all = append(all, s.Value)
	}
	texts, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	f.Headers = map[string]string{"Content-Type": "application/json"}
	f.Body = fmt.Sprintf(`{"error":"invalid_grant","error_description":%q,"errors":%s}`, strings.Join(all, " "), texts)
	if _, err := w.Standin.Faults().Add(f); err != nil {
		t.Fatal(err)
	}
}

// secretsOf registers every secret of the world. The names say what each number is.
func secretsOf(t *testing.T, w *world.World, dir string) ([]string, *leak.Scanner) {
	t.Helper()
	var names []string
	scanner := &leak.Scanner{}
	add := func(name, value string) {
		if err := scanner.Add(len(names), value); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		names = append(names, name)
	}
	for _, s := range w.Secrets() {
		if s.Kind != "reader_token" && len(s.Value) >= 12 {
			add(s.Kind, s.Value)
		}
	}
	for _, name := range []string{"tokens", "keys"} {
		raw, err := os.ReadFile(filepath.Join(dir, name+".keyset.json"))
		if err != nil {
			t.Fatal(err)
		}
		var keyset struct {
			Key []struct{ KeyData struct{ Value string } }
		}
		if err := json.Unmarshal(raw, &keyset); err != nil || len(keyset.Key) == 0 {
			t.Fatalf("%s keyset: %v", name, err)
		}
		for _, k := range keyset.Key {
			material, err := base64.StdEncoding.DecodeString(k.KeyData.Value)
			if err != nil {
				t.Fatal(err)
			}
			add(name+" keyset", string(material))
		}
	}
	return names, scanner
}

func lastSecret(w *world.World, kind string) string {
	value := ""
	for _, s := range w.Secrets() {
		if s.Kind == kind {
			value = s.Value
		}
	}
	return value
}

// readFiles reads what the collector wrote: everything but the files that hold secrets because the operator put them there.
func readFiles(t *testing.T, dir string) map[string]string {
	t.Helper()
	inputs := map[string]bool{"client-secret": true, "admin-token": true, "tokens.keyset.json": true, "keys.keyset.json": true, "public.key": true, "public.crt": true, "ca.pem": true, "dsn": true}
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || inputs[d.Name()] {
			return err
		}
		raw, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, dir+"/")] = string(raw)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func get(t *testing.T, w *world.World, address string) (string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		return "", err
	}
	if strings.HasPrefix(address, w.AdminURL) {
		if err := w.Authenticate(req); err != nil {
			return "", err
		}
	}
	resp, err := w.HTTPClient().Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	var head strings.Builder
	_ = resp.Header.Write(&head)
	return head.String() + "\n" + string(body), err
}

func printedConfig(t *testing.T, w *world.World, extra string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary(t, "otelcol-datadogoauth"), "print-config", "--mode=unredacted",
		"--config", filepath.Join(root, "examples/demo/collector.yaml"), "--config", extra)
	cmd.Env = append(os.Environ(), w.Env()...)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "client_secret_file") {
		t.Fatalf("print-config: %v: %.500s", err, out)
	}
	return string(out)
}

// freePorts are ports of 127.0.0.1 that nobody listens on.
func freePorts(t *testing.T, n int) []string {
	t.Helper()
	addrs, err := freeport.Addrs(n)
	if err != nil {
		t.Fatal(err)
	}
	ports := make([]string, n)
	for i, addr := range addrs {
		_, ports[i], _ = strings.Cut(addr, ":")
	}
	return ports
}
