package deploy

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// counted are the places in the extension's sources that name an outcome, by the directory that they are in and the instrument that counts it.
var counted = []struct {
	dir, metric string
	places      []*regexp.Regexp
}{
	{"internal/flow", "otelcol_datadogoauth_flows", []*regexp.Regexp{
		regexp.MustCompile(`\{"([a-z_]+)", http\.\w+\}`), regexp.MustCompile(`count\(r\.Context\(\), "([a-z_]+)"`),
	}},
	{"internal/grant", "otelcol_datadogoauth_flows", []*regexp.Regexp{regexp.MustCompile(`Outcome[A-Z]\w+ += "([a-z_]+)"`)}},
	{"internal/grant", "otelcol_datadogoauth_mints", []*regexp.Regexp{
		regexp.MustCompile(`s\.minted\(ctx, "([a-z_]+)"`), regexp.MustCompile(`outcome: +"([a-z_]+)"`), regexp.MustCompile(`failed\.outcome = "([a-z_]+)"`),
	}},
	{"internal/grant", "otelcol_datadogoauth_refreshes", []*regexp.Regexp{
		regexp.MustCompile(`return "([a-z_]+)", t\.event`), regexp.MustCompile(`outcome := "([a-z_]+)"`), regexp.MustCompile(`outcome, result = "([a-z_]+)"`),
	}},
	{"internal/grant", "otelcol_datadogoauth_revocations", []*regexp.Regexp{regexp.MustCompile(`Revoked[A-Z]\w+ += "([a-z_]+)"`)}},
}

// TestEveryOutcomeIsDeclared compares the outcomes that the sources name with those that metadata.yaml lists, with which the alerts are compared.
func TestEveryOutcomeIsDeclared(t *testing.T) {
	t.Parallel()
	k := known(t)
	extension := filepath.Join(root, "extension/datadogoauthext")
	texts, err := literals(extension)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range counted {
		declared := k.Ours[c.metric].Labels["outcome"]
		if !declared.Enum || len(declared.Values) == 0 {
			t.Fatalf("outcome of %s has no enum", c.metric)
		}
		source := sources(t, filepath.Join(extension, c.dir))
		for _, place := range c.places {
			found := place.FindAllStringSubmatch(source, -1)
			if len(found) == 0 {
				t.Errorf("%s: nothing is like %s any more: bring this test up to date", c.dir, place)
			}
			for _, m := range found {
				if !declared.Has(m[1]) {
					t.Errorf("%s: the outcome %s is not declared for %s", c.dir, m[1], c.metric)
				}
			}
		}
		for _, value := range declared.Values {
			if !slices.Contains(texts, value) {
				t.Errorf("%s: no source has the outcome %s", c.metric, value)
			}
		}
	}
}

// sources are the Go files of a directory, but for tests, one behind the other.
func sources(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		all.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// TestThePictureShowsTheDashboard: a panel that was added or renamed since the picture was drawn (make picture) is missing in it.
func TestThePictureShowsTheDashboard(t *testing.T) {
	t.Parallel()
	picture, err := os.ReadFile(filepath.Join(root, "deploy/dashboard.svg"))
	if err != nil {
		t.Fatal(err)
	}
	d := dashboard(t)
	for _, title := range missingIn(d, string(picture)) {
		t.Errorf("deploy/dashboard.svg does not show %q; draw it anew with make picture", title)
	}
	if got := missingIn(d, strings.ReplaceAll(string(picture), d.Panels[1].Title, "another title")); !slices.Contains(got, d.Panels[1].Title) {
		t.Errorf("without %q the picture lacks %q", d.Panels[1].Title, got)
	}
}

// missingIn are the titles of the dashboard and its panels that a picture has no text of.
func missingIn(d Dashboard, picture string) (titles []string) {
	all := []string{d.Title}
	for _, p := range d.Panels {
		all = append(all, p.Title)
	}
	for _, title := range all {
		if title != "" && !strings.Contains(picture, ">"+escape(title)+"<") && !strings.Contains(picture, "▾ "+escape(title)+"<") {
			titles = append(titles, title)
		}
	}
	return titles
}
