package logs

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/attributes"
)

// TestNoCharacterAndNoEscapeIsCut cuts texts of every kind at each of their bytes.
func TestNoCharacterAndNoEscapeIsCut(t *testing.T) {
	t.Parallel()
	const before = `before{"message":"`
	for name, piece := range map[string]string{
		"ASCII": "x", "two bytes": "é", "four bytes": "😀", "mixed": "aé€😀", "quotes": `"`, "backslashes": `\`, "both": `\"`, "control": "a\x01", "line ends": "\n",
		"separators": "\u2028", "looks like an escape": `\u0041`,
	} {
		text := strings.Repeat(piece, 400)
		quoted := attributes.AppendJSONString(nil, text)
		whole := before + string(quoted[1:]) + `,"short":"s"}`
		for limit := len(whole) - len("before") - 30; limit < len(whole)-len("before"); limit++ {
			got, ok := cut([]byte(whole), len("before"), limit)
			var m map[string]string
			if err := json.Unmarshal(got[len("before"):], &m); !ok || err != nil {
				t.Fatalf("%s at %d: %t, %v: …%s", name, limit, ok, err, got[len(got)-60:])
			}
			kept, marked := strings.CutSuffix(m["message"], cutMark)
			if size := len(got) - len("before"); !marked || !strings.HasPrefix(text, kept) || m["short"] != "s" || size > limit || size < limit-10 {
				t.Fatalf("%s at %d: %d bytes, message ends with %q", name, limit, size, m["message"][max(0, len(m["message"])-30):])
			}
		}
	}
}
