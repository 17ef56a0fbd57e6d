package check

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"html/template"
	"time"
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

// JSON is the report for machines.
func (r Report) JSON() ([]byte, error) {
	r = r.Clone()
	r.ConsentLink = ""
	out, err := json.MarshalIndent(r, "", "  ")
	return append(out, '\n'), err
}
