package check

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

//go:embed report.html
var page string

var reportPage = template.Must(template.New("report").Funcs(template.FuncMap{
	"when":   when,
	"date":   func(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 MST") },
	"class":  class,
	"result": func(r Result) string { return resultText(r) },
}).Parse(page))

// class is how a result is shown: each has a colour and a sign of its own.
func class(r Result) string {
	switch r {
	case Pass:
		return "pass"
	case Fail:
		return "fail"
	case NotTested:
		return "open"
	default:
		return "run"
	}
}

func resultText(r Result) string {
	switch r {
	case "":
		return "running"
	case Pass, Fail, NotTested:
		return string(r)
	default:
		return "unknown" // of a report that somebody else wrote
	}
}

// HTML is the report as one page that needs nothing else: no script, no image, no other file. What customers and Datadog wrote is text in it.
func (r Report) HTML() ([]byte, error) {
	passed, failed, notTested := r.Counts()
	shown := r.Clone()
	shown.ConsentLink = "" // a report is given away
	var b bytes.Buffer
	err := reportPage.Execute(&b, struct {
		Report
		Passed, Failed, NotTested int
		Took                      time.Duration
	}{shown, passed, failed, notTested, r.EndedAt.Sub(r.StartedAt).Round(time.Second)})
	return b.Bytes(), err
}

// JSON is the report for machines, and for whoever looks at it in a terminal: what nobody would see there is escaped.
func (r Report) JSON() ([]byte, error) {
	r = r.Clone()
	r.ConsentLink = ""
	out, err := json.MarshalIndent(r, "", "  ")
	return append(escapeUnseen(out), '\n'), err
}

// escapeUnseen escapes what package encoding/json leaves as it is of control, direction and format, all of which stands in texts. RFC 8259 §7
func escapeUnseen(raw []byte) []byte {
	out := make([]byte, 0, len(raw))
	for _, c := range string(raw) {
		switch {
		case c == '\n' || !unicode.In(c, unicode.Cc, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp): // the line ends are those between members
			out = utf8.AppendRune(out, c)
		case c > 0xffff:
			high, low := utf16.EncodeRune(c)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, c)
		}
	}
	return out
}
