package oracle

import (
	"bufio"
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

const (
	traceModule     = "github.com/DataDog/datadog-agent/pkg/trace"
	obfuscateModule = "github.com/DataDog/datadog-agent/pkg/obfuscate"
)

// goldenTraces are the inputs of the tests of Datadog's agent and obfuscator that are files, by name: spans with statements, commands, bodies
// and URLs in every language that is obfuscated.
func goldenTraces(now time.Time) (map[string]ptrace.Traces, error) {
	all := make(map[string]ptrace.Traces)
	dir, err := moduleDir(traceModule)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(dir, "agent", "testdata", "obfuscation_test_spans.jsonl"))
	if err != nil {
		return nil, err
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		var test struct {
			Name  string
			Input struct {
				Type, Resource, Name string
				Meta                 map[string]string
			}
		}
		if err := json.Unmarshal(lines.Bytes(), &test); err != nil {
			return nil, fmt.Errorf("obfuscation_test_spans.jsonl: %w", err)
		}
		d, attrs := oneSpan(now)
		for key, v := range test.Input.Meta {
			attrs.PutStr(key, v)
		}
		attrs.PutStr("span.type", test.Input.Type)
		attrs.PutStr("resource.name", test.Input.Resource)
		all["span "+test.Name] = d
	}
	return all, goldenBodies(now, all)
}

// goldenBodies adds the JSON texts, each as that of every system that has them.
func goldenBodies(now time.Time, all map[string]ptrace.Traces) error {
	dir, err := moduleDir(obfuscateModule)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(dir, "testdata", "json_tests.xml"))
	if err != nil {
		return err
	}
	var tests struct {
		Suite struct {
			Tests []struct{ Tag, In string } `xml:"Test"`
		} `xml:"TestSuite"`
	}
	if err := xml.Unmarshal(text, &tests); err != nil {
		return fmt.Errorf("json_tests.xml: %w", err)
	}
	for i, test := range tests.Suite.Tests {
		for system, key := range map[string]string{"elasticsearch": "elasticsearch.body", "opensearch": "opensearch.body", "mongodb": "mongodb.query"} {
			d, attrs := oneSpan(now)
			attrs.PutStr("db.system", system)
			attrs.PutStr(key, test.In)
			attrs.PutStr("db.statement", test.In)
			all[fmt.Sprintf("body %d %s in %s", i, test.Tag, system)] = d
		}
	}
	return nil
}

// oneSpan is a payload with one client span.
func oneSpan(now time.Time) (ptrace.Traces, pcommon.Map) {
	d := ptrace.NewTraces()
	s := d.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	s.SetName("golden")
	s.SetKind(ptrace.SpanKindClient)
	s.SetTraceID(pcommon.TraceID{15: 1})
	s.SetSpanID(idOf(1))
	s.SetStartTimestamp(pcommon.NewTimestampFromTime(now.Add(-20 * time.Second)))
	s.SetEndTimestamp(pcommon.NewTimestampFromTime(now.Add(-19 * time.Second)))
	return d, s.Attributes()
}
