package datadogoauthext

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var testName = regexp.MustCompile("`((?:Test|Fuzz)[A-Z][A-Za-z0-9_]*)`")

// Every test that SECURITY.md and docs/recovery.md name exists, every line of the list of RFC 9700 has one of its own, and every
// such test is in it.
func TestWhatSecurityMdSaysIsTested(t *testing.T) {
	t.Parallel()
	const root = "../.."
	tests := testsBelow(t, root)
	page, err := os.ReadFile(filepath.Join(root, "SECURITY.md"))
	require.NoError(t, err)
	recovery, err := os.ReadFile(filepath.Join(root, "docs", "recovery.md"))
	require.NoError(t, err)
	named := map[string]bool{}
	for _, m := range testName.FindAllStringSubmatch(string(page)+string(recovery), -1) {
		named[m[1]] = true
		assert.NotEmpty(t, tests[m[1]], "%s: no such test", m[1])
	}
	for name, file := range tests {
		if strings.HasPrefix(name, "TestRFC9700_") {
			assert.True(t, named[name], "%s of %s is in no line of SECURITY.md", name, file)
		}
	}
	_, list, found := strings.Cut(string(page), "## RFC 9700")
	require.True(t, found)
	list, _, _ = strings.Cut(list, "\n## ")
	rows := 0
	for line := range strings.Lines(list) {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| Rule") {
			continue
		}
		rows++
		assert.Contains(t, line, "`TestRFC9700_", "a rule without a test of its own")
	}
	assert.Greater(t, rows, 20)
}

// testsBelow are the tests and fuzz targets of every module, by name, with the file that has them.
func testsBelow(t *testing.T, root string) map[string]string {
	t.Helper()
	tests := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "dist" || name == "testdata") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && (strings.HasPrefix(f.Name.Name, "Test") || strings.HasPrefix(f.Name.Name, "Fuzz")) {
				tests[f.Name.Name] = path
			}
		}
		return nil
	})
	require.NoError(t, err)
	return tests
}
