package flow

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/template/parse"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/lang"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// noEnds are messages of pages that end nothing.
var noEnds = []string{"over", "use_link", "nothing_here"}

// flat is a catalogue as ids and texts, in order.
func flat(c catalogue) (all [][2]string) {
	all = slices.Clone(c.texts)
	for _, m := range c.messages {
		all = append(all, [2]string{m.id + ".title", m.title}, [2]string{m.id + ".what", m.what})
		for i, step := range m.steps {
			all = append(all, [2]string{stepID(m.id, i), step})
		}
	}
	return all
}

var (
	action   = regexp.MustCompile(`\{\{[^}]*\}\}`)
	tag      = regexp.MustCompile(`<[^>]*>`)
	code     = regexp.MustCompile(`<(?:code|em|strong)>[^<]*</`)
	required = regexp.MustCompile(` ?<span lang="en">[^<]*</span>`)
)

func TestEveryLanguageSaysTheSame(t *testing.T) {
	t.Parallel()
	require.Len(t, catalogues(), len(lang.All()))
	en := flat(english)
	for l, c := range catalogues() {
		if l == lang.English {
			continue
		}
		other := flat(c)
		require.Len(t, other, len(en))
		for i := range en {
			id, text := en[i][0], other[i][1]
			require.Equal(t, id, other[i][0], "the same ids, in the same order, with as many steps")
			assert.Equal(t, names(t, en[i][1]), names(t, text), "%s names the same things", id)
			if sentence := "You may now close this tab"; strings.Contains(en[i][1], sentence) && id != "close" { // of which connected.html adds it
				assert.Contains(t, text, ` <span lang="en">`+sentence+`</span>`, "%s has what Datadog asks partners to show", id)
			}
			text = required.ReplaceAllString(text, "")
			assert.Equal(t, sorted(tag.FindAllString(en[i][1], -1)), sorted(tag.FindAllString(text, -1)), "%s has the same links and marks", id)
			assert.Equal(t, sorted(code.FindAllString(en[i][1], -1)), sorted(code.FindAllString(text, -1)), "%s quotes the same words of Datadog's", id)
			assert.Equal(t, numbers(lang.English, en[i][1]), numbers(l, text), "%s has the same numbers", id)
			if words := action.ReplaceAllString(tag.ReplaceAllString(text, ""), ""); strings.ContainsFunc(words, unicode.IsLetter) {
				assert.NotEqual(t, en[i][1], text, "%s is translated", id)
				if l == lang.Korean {
					assert.True(t, strings.ContainsFunc(words, func(r rune) bool { return unicode.Is(unicode.Hangul, r) }), "%s is Korean: %s", id, text)
				}
			}
		}
	}
}

// number finds what a text counts or measures: digits, and words that stand for a number, which is their group's. "One" and "once" are others,
// such as whoever was named before.
var number = map[lang.Lang]*regexp.Regexp{
	lang.English: regexp.MustCompile(`(?i)\b(?:(?P<n1>one step|only once|a minute|a second)|(?P<n2>two)|(?P<n3>three)|(?P<n4>four)|(?P<n5>five)|(?P<n10>ten)|\d+)\b`),
	lang.Korean:  regexp.MustCompile(`(?:^|[^가-힣])(?:(?P<n1>한 (?:단계|번)\S*)|(?P<n2>두)|(?P<n3>세)|(?P<n4>네)|(?P<n5>다섯)|(?P<n10>열)) |\d+`),
}

// numbers are those of a text.
func numbers(l lang.Lang, text string) []string {
	text = action.ReplaceAllString(tag.ReplaceAllString(text, " "), " ")
	found := []string{}
	for _, m := range number[l].FindAllStringSubmatch(text, -1) {
		digits := m[0]
		for i, name := range number[l].SubexpNames() {
			if name != "" && m[i] != "" {
				digits = strings.TrimPrefix(name, "n")
			}
		}
		found = append(found, digits)
	}
	return sorted(found)
}

func TestNumbersAreRead(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []string{"1", "10", "2", "30"}, numbers(lang.English, `Ten of the two, 30 {{if eq .Minutes 1}}a minute{{end}}; another one`))
	assert.Equal(t, []string{"1", "10", "2", "4"}, numbers(lang.Korean, `10분, 두 가지, 끝 네 자리, 한 단계; 모두 가진, 보내 주십시오`))
}

func sorted(all []string) []string { slices.Sort(all); return all }

// names are what a text takes from its page, and what other texts it holds.
func names(t *testing.T, text string) []string {
	trees, err := parse.Parse("text", text, "", "", map[string]any{"eq": 0, "not": 0, "ne": 0})
	require.NoError(t, err, text)
	found := map[string]bool{}
	var visit func(parse.Node)
	visit = func(n parse.Node) {
		switch n := n.(type) {
		case *parse.ListNode:
			if n != nil {
				for _, c := range n.Nodes {
					visit(c)
				}
			}
		case *parse.ActionNode:
			visit(n.Pipe)
		case *parse.IfNode:
			visit(n.Pipe)
			visit(n.List)
			visit(n.ElseList)
		case *parse.TemplateNode:
			found["template "+n.Name] = true
			visit(n.Pipe)
		case *parse.PipeNode:
			if n != nil {
				for _, c := range n.Cmds {
					visit(c)
				}
			}
		case *parse.CommandNode:
			for _, a := range n.Args {
				visit(a)
			}
		case *parse.FieldNode:
			found[n.String()] = true
		}
	}
	visit(trees["text"].Root)
	list := make([]string, 0, len(found))
	for name := range found {
		list = append(list, name)
	}
	return sorted(list)
}

func TestEveryEndHasItsWordsAndSaysWhatToDo(t *testing.T) {
	t.Parallel()
	for l, c := range catalogues() {
		seen := map[string]int{}
		for _, m := range c.messages {
			seen[m.id]++
			e, isEnd := ends[m.id]
			assert.Equal(t, slices.Contains(noEnds, m.id), !isEnd, "%s in %s", m.id, l)
			if isEnd && e.status >= 400 {
				assert.NotEmpty(t, m.steps, "%s in %s", m.id, l)
			}
		}
		for id := range ends {
			assert.Equal(t, 1, seen[id], "%s in %s", id, l)
		}
	}
}

// What the code can end with is read from the code: the messages that this package names, and the outcomes of package grant.
func TestEveryOutcomeThatCodeProducesHasItsWords(t *testing.T) {
	t.Parallel()
	named := map[string]bool{}
	fset := token.NewFileSet()
	for _, file := range goFiles(t, ".") {
		tree, err := parser.ParseFile(fset, file, nil, 0)
		require.NoError(t, err)
		ast.Inspect(tree, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if at, ok := map[string]int{"fail": 2, "toFailure": 2, "message": 3, "refuse": 0}[calledName(n)]; ok && len(n.Args) > at {
					note(named, n.Args[at])
				}
			case *ast.KeyValueExpr: // result{Message: …}, refusal{message: …}, page{Message: …}
				if key, ok := n.Key.(*ast.Ident); ok && strings.EqualFold(key.Name, "message") {
					note(named, n.Value)
				}
			case *ast.AssignStmt: // res.Message = …
				for i, left := range n.Lhs {
					if sel, ok := left.(*ast.SelectorExpr); ok && sel.Sel.Name == "Message" && i < len(n.Rhs) {
						note(named, n.Rhs[i])
					}
				}
			case *ast.FuncDecl:
				if n.Name.Name == "messageOf" {
					ast.Inspect(n, func(m ast.Node) bool {
						if r, ok := m.(*ast.ReturnStmt); ok {
							note(named, r.Results[0])
						}
						return true
					})
				}
			}
			return true
		})
	}
	require.Greater(t, len(named), 30)
	for id := range named {
		_, isEnd := ends[id]
		assert.True(t, isEnd || slices.Contains(noEnds, id), "%s has no words", id)
	}
	outcomes := 0
	for _, file := range goFiles(t, "../grant") {
		tree, err := parser.ParseFile(fset, file, nil, 0)
		require.NoError(t, err)
		ast.Inspect(tree, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || !strings.HasPrefix(spec.Names[0].Name, "Outcome") || len(spec.Values) != 1 {
				return true
			}
			outcome, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			require.NoError(t, err)
			outcomes++
			for _, spent := range []bool{true, false} {
				id := messageOf(&grant.ConnectError{Outcome: outcome, CodeSpent: spent, Err: fs.ErrInvalid}, grant.Flow{}, site.US1())
				assert.Equal(t, outcome, ends[id].outcome, "what %s is counted as", outcome)
				named[id] = true
			}
			return true
		})
	}
	assert.Equal(t, 10, outcomes)
	for id := range ends {
		assert.True(t, named[id], "nothing ends with %s", id)
	}
}

func calledName(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.SelectorExpr:
		return f.Sel.Name
	case *ast.Ident:
		return f.Name
	}
	return ""
}

func note(named map[string]bool, value ast.Expr) {
	if lit, ok := value.(*ast.BasicLit); ok && lit.Kind == token.STRING {
		if id, err := strconv.Unquote(lit.Value); err == nil {
			named[id] = true
		}
	}
}

func goFiles(t *testing.T, dir string) (files []string) {
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".go") && !strings.HasSuffix(e.Name(), "_test.go") {
			files = append(files, dir+"/"+e.Name())
		}
	}
	require.NotEmpty(t, files)
	return files
}

// Every text is written with every kind of value, so that none fails in front of a customer, and each is used.
func TestEveryTextCanBeWritten(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	for _, name := range []string{"connect", "connected", "frame", "message"} {
		raw, err := os.ReadFile("pages/" + name + ".html")
		require.NoError(t, err)
		for _, m := range regexp.MustCompile(`Say "([^"]+)"`).FindAllStringSubmatch(string(raw), -1) {
			used[m[1]] = true
		}
	}
	eu, _ := site.ByDomain("datadoghq.eu")
	for l, c := range catalogues() {
		w, err := newWords(c)
		require.NoError(t, err)
		for _, text := range flat(c) {
			for _, m := range regexp.MustCompile(`template "([^"]+)"`).FindAllStringSubmatch(text[1], -1) {
				used[m[1]] = true
			}
		}
		for i := range 128 {
			bit := func(n int) bool { return i>>n&1 == 1 }
			p := page{Login: bit(0), Either: bit(6), Change: bit(1), Tenant: isolate(`<acme> & "co"`), Org: isolate("주식회사"), Last4: "ab12", Site: eu, Started: site.US1(), Minutes: 1 + 9*(i>>2&1), Partner: isolate(`P & <Co>`), Lang: l}
			if bit(3) {
				p.Meant = eu
			}
			if bit(4) {
				p.Support, p.SupportURL = "help@partner.example", "mailto:help@partner.example"
			} else if bit(5) {
				p.Support = "02-1234-5678"
			}
			for _, text := range flat(c) {
				id := text[0]
				if id == "site" {
					continue
				}
				html, err := w.say(id, p)
				require.NoError(t, err, "%s in %s", id, l)
				said := string(html)
				assert.NotContains(t, said, "<acme>", id)
				assert.NotContains(t, said, "<Co>", id)
				assert.NotContains(t, said, "<no value>", id)
				for _, shown := range []string{`&lt;acme&gt; &amp; &#34;co&#34;`, "주식회사", `P &amp; &lt;Co&gt;`} {
					assert.Equal(t, strings.Count(said, shown), strings.Count(said, "<bdi>"+shown+"</bdi>"), "%s isolates %s", id, shown)
				}
				assert.NotContains(t, strings.TrimSpace(said), "  ", id)
				assert.Equal(t, strings.Count(said, "<a "), strings.Count(said, "</a>"), id)
				if strings.HasSuffix(id, ".what") {
					assert.Regexp(t, `[.:>]$|You may now close this tab$`, said, fmt.Sprintf("%s in %s ends like a sentence", id, l))
				}
			}
		}
		for _, text := range c.texts {
			assert.True(t, used[text[0]], "%s is used nowhere", text[0])
		}
		_, err = w.say("nowhere", page{})
		require.Error(t, err)
	}
}
