package hostile_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/hostile"
)

func TestTheTextsAreWhatTheyAreThereFor(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	all := ""
	longest, invalid := 0, false
	for _, text := range hostile.Texts() {
		if text.Name == "" || text.Value == "" || names[text.Name] {
			t.Errorf("%q has no name of its own, or nothing in it", text.Name)
		}
		names[text.Name] = true
		if !utf8.ValidString(text.Value) {
			invalid = true
		} else if invalid {
			t.Errorf("%s is UTF-8 and does not come first", text.Name)
		}
		longest = max(longest, len(text.Value))
		all += text.Value
	}
	if longest < 10_000 || !invalid {
		t.Errorf("the longest has %d bytes; one is no UTF-8: %t", longest, invalid)
	}
	for _, has := range []string{"<script " + hostile.Mark + ">window." + hostile.Canary, "\r\n", "\u2028", "\x1b[", "\u202e", "\u2066", "\u200b", "%s", "../", "{{"} {
		if !strings.Contains(all, has) {
			t.Errorf("no text has %q", has)
		}
	}
	for _, sign := range "=+-@" {
		begins := false
		for _, text := range hostile.Texts() {
			begins = begins || strings.HasPrefix(text.Value, string(sign))
		}
		if !begins {
			t.Errorf("no text is a formula that begins with %q", sign)
		}
	}
}

func TestUnseenFindsWhatAReaderDoesNotSee(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"a\nb", "a\rb", "a\tb", "\x1b[31m", "\u009b", "\x7f", "a\u202eb", "\u2066", "\u200b", "\ufeff", "a\u2028", "\u2029", "\u0085", "\x00", "\xff", "\U000e0061"} {
		if _, found := hostile.Unseen(line); !found {
			t.Errorf("%q passes", line)
		}
	}
	for _, line := range []string{"", "acme Inc.", "주식회사 한빛 – « é »", "\\u202e", "�", "אבג"} {
		if at, found := hostile.Unseen(line); found {
			t.Errorf("%q does not pass: byte %d", line, at)
		}
	}
}
