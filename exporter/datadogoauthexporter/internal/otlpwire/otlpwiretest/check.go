// Package otlpwiretest checks payloads of the OTLP intake.
package otlpwiretest

import (
	"strings"
	"testing"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// Items checks that each item of p is one element of a repeated field 1, no longer than maxBytes, and returns how many OTLP items they count.
func Items(t testing.TB, p *intake.Payload, maxBytes int) (count int) {
	t.Helper()
	begin := uint32(0)
	for i, it := range p.Items {
		raw := p.Body[begin:it.End]
		begin = it.End
		num, typ, n := protowire.ConsumeField(raw)
		if num != 1 || typ != protowire.BytesType || n != len(raw) {
			t.Fatalf("item %d is field %d of type %d with %d of %d bytes", i, num, typ, n, len(raw))
		}
		if len(raw) > maxBytes {
			t.Fatalf("item %d has %d bytes, the intake takes %d", i, len(raw), maxBytes)
		}
		if it.Count == 0 {
			t.Fatalf("item %d counts nothing", i)
		}
		count += int(it.Count)
	}
	if int(begin) != len(p.Body) {
		t.Fatalf("%d bytes follow the last item", len(p.Body)-int(begin))
	}
	return count
}

// Same compares texts of decoded items, in which runs of bytes that are not UTF-8 are one U+FFFD.
func Same(t testing.TB, want, got []string) {
	t.Helper()
	if len(want) != len(got) {
		t.Fatalf("%d items went in, %d came out", len(want), len(got))
	}
	for i := range want {
		if !utf8.ValidString(got[i]) {
			t.Fatalf("item %d is not UTF-8: %q", i, got[i])
		}
		if w := strings.ToValidUTF8(want[i], "\ufffd"); w != got[i] {
			t.Fatalf("item %d\nwant %s\ngot  %s", i, w, got[i])
		}
	}
}
