package logs

import (
	"fmt"
	"hash/maphash"
	"strings"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/attributes"
)

// TestNamesFollowTheKey asks for keys in places that other keys had before, among them one that is only longer.
func TestNamesFollowTheKey(t *testing.T) {
	t.Parallel()
	var o object
	o.init()
	var ns names
	keys := []string{"url.path", "url.path2", "url.pat", "", "Message", "ddtags", "hostname", "a\"b\n", "\xff", strings.Repeat("k", 3000)}
	for round := range 300 {
		place, key := round%7*len(ns)/2, keys[round%len(keys)]
		n := ns.at(place, key, &o)
		quoted := attributes.AppendJSONString(nil, key)
		if string(n.quoted) != string(quoted) || n.hash != maphash.Bytes(o.seed, quoted) || n.meaning != meaningOf(key) ||
			n.field != fieldOf([]byte(key)) {
			t.Fatalf("round %d: %q is taken for %q", round, key, n.key)
		}
		if again := ns.at(place, key, &o); again != n || string(again.quoted) != string(quoted) {
			t.Fatalf("round %d: %q is taken for %q the second time", round, key, again.key)
		}
		if round%50 == 0 {
			ns.forgetLong()
		}
	}
}

func TestLongNamesAreForgotten(t *testing.T) {
	t.Parallel()
	var o object
	o.init()
	var ns names
	for i := range ns {
		ns.at(i, fmt.Sprint("short", i), &o)
	}
	ns.at(3, strings.Repeat("k", maxKeptKeyBytes+1), &o)
	ns.at(4, strings.Repeat("\x01", maxKeptKeyBytes), &o) // longer when it is quoted
	ns.forgetLong()
	for i := range ns {
		if long := i == 3 || i == 4; ns[i].known == long {
			t.Errorf("place %d: known %v", i, ns[i].known)
		}
		if cap(ns[i].key)+cap(ns[i].quoted) > 3*maxKeptKeyBytes {
			t.Errorf("place %d keeps %d and %d bytes", i, cap(ns[i].key), cap(ns[i].quoted))
		}
	}
}
