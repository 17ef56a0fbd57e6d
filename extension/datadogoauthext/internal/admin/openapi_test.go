package admin_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/admin"
)

var update = flag.Bool("update", false, "make openapi.json.gz from openapi.yaml")

func TestOpenAPIIsServedAsItIsWritten(t *testing.T) {
	t.Parallel()
	const packed = "openapi.json.gz"
	want := documentOf(t, "openapi.yaml")
	if *update {
		var buf bytes.Buffer
		w, _ := gzip.NewWriterLevel(&buf, gzip.BestCompression)
		_, _ = w.Write(want)
		_ = w.Close()
		if err := os.WriteFile(packed, buf.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	s := start(t, &grants{})
	resp, body := s.do("GET", "/v1/openapi.json", "")
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "application/json" || body != string(want) {
		t.Errorf("%d: %s is not made from openapi.yaml; run this test with -update and build again", resp.StatusCode, packed)
	}
}

// documentOf is the file as JSON, without x-answers, which is there for anchors only.
func documentOf(t *testing.T, file string) []byte {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	delete(doc, "x-answers")
	out, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// operation is what the comparison with the routes needs of an operation.
type operation struct {
	ID       string   `json:"operationId"`
	Roles    []string `json:"x-roles"`
	Security *[]any   `json:"security"`
}

func TestOpenAPIHasEveryRouteAndNoOther(t *testing.T) {
	t.Parallel()
	var doc struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(documentOf(t, "openapi.yaml"), &doc); err != nil {
		t.Fatal(err)
	}
	described := map[string]string{} // roles by "METHOD path"
	ids := map[string]bool{}
	for path, item := range doc.Paths {
		for method, raw := range item {
			if method == "parameters" {
				continue
			}
			var op operation
			if err := json.Unmarshal(raw, &op); err != nil {
				t.Fatal(err)
			}
			name := strings.ToUpper(method) + " " + path
			slices.Sort(op.Roles)
			described[name] = fmt.Sprint(op.Roles)
			if open := op.Security != nil && len(*op.Security) == 0; open != (len(op.Roles) == 0) {
				t.Errorf("%s: open %v, but for %v", name, open, op.Roles)
			}
			if op.ID == "" || ids[op.ID] {
				t.Errorf("%s: its operationId %q is not its own", name, op.ID)
			}
			ids[op.ID] = true
		}
	}
	for _, r := range admin.New(admin.Options{}).Routes() {
		if r.Page {
			continue
		}
		roles := make([]string, len(r.Roles))
		for i, role := range r.Roles {
			roles[i] = string(role)
		}
		slices.Sort(roles)
		name := r.Method + " " + r.Path
		if got, ok := described[name]; !ok || got != fmt.Sprint(roles) {
			t.Errorf("%s for %v is described as for %s (%v)", name, roles, got, ok)
		}
		delete(described, name)
	}
	for name := range described {
		t.Errorf("%s is described and not there", name)
	}
}

func TestOpenAPIKnowsTheStatesOfAQuery(t *testing.T) {
	t.Parallel()
	var doc struct {
		Components struct {
			Schemas struct{ State struct{ Enum []string } }
		}
	}
	if err := json.Unmarshal(documentOf(t, "openapi.yaml"), &doc); err != nil {
		t.Fatal(err)
	}
	if got := doc.Components.Schemas.State.Enum; !slices.Equal(got, admin.States) {
		t.Errorf("described: %v, known: %v", got, admin.States)
	}
}
