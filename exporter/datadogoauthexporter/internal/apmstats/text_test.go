package apmstats

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestAppendPeer(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                                    "",
		"cart":                                "cart",
		"10.1.2.3":                            "blocked-ip-address",
		"10.1.2.3:80,host":                    "blocked-ip-address:80,host",
		"ip-10-1-2-3.ec2":                     "ip-blocked-ip-address.ec2",
		"kafka-10.0.0.1":                      "kafka-10.0.0.1",
		"10_1_2_3":                            "blocked-ip-address",
		"10.1.2":                              "10.1.2",
		"10.1.2.3.4":                          "blocked-ip-address.4",
		"10.1.2.3.":                           "10.1.2.3.",
		"10.01.2.3":                           "10.01.2.3",
		"256.1.2.3":                           "256.1.2.3",
		"127.0.0.1:5432":                      "127.0.0.1:5432",
		"169.254.169.254":                     "169.254.169.254",
		"2001:db8::1":                         "blocked-ip-address",
		"[2001:db8::1]:443":                   "blocked-ip-address:443",
		"::1":                                 "::1",
		"[::1]:443":                           "[::1]:443",
		"https://10.0.0.1:8443/a":             "https://blocked-ip-address:8443/a",
		"dnspoll:///10.0.0.1:53":              "dnspoll:///blocked-ip-address:53",
		"http://10.0.0.1":                     "http://blocked-ip-address",
		"see http://10.0.0.1":                 "http://blocked-ip-address",
		"10.0.0.1,10.0.0.2,cart,cart":         "blocked-ip-address,cart",
		",,a,":                                ",a",
		strings.Repeat("a,b,", 40) + "c":      "a,b,c",
		strings.Repeat("10.0.0.1,", 40) + "c": "blocked-ip-address,c",
	} {
		if got := string(appendPeer([]byte("x"), in)); got != "x"+want {
			t.Errorf("%q: %q, want %q", in, got[1:], want)
		}
	}
}

func TestGRPCCode(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "", "0": "0", "14": "14", "007": "7", "00": "0", "99": "99", "4294967296": "", "1x": "", "-1": "", "OK": "0", "unavailable": "14",
		"StatusCode.UNAVAILABLE": "14", "Canceled": "1", "CANCELLED": "1", "DeadlineExceeded": "4", "DEADLINE_EXCEEDED": "4", "nonsense": "", "StatusCode.": "",
	} {
		if got := grpcCode(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestPeerTagKeysAreSortedAsTheirTags(t *testing.T) {
	t.Parallel()
	keys := PeerTagKeys([]string{"z.own", "peer.service", "db.name.own"})
	if len(keys) != 46 {
		t.Errorf("%d keys, want Datadog's 44 and 2", len(keys))
	}
	var tags []string
	for _, k := range keys {
		tags = append(tags, k+":v")
	}
	if !slices.IsSorted(tags) {
		t.Errorf("not sorted: %q", tags)
	}
}

// TestSketchForetellsItsSize, since its length is written in front of it.
func TestSketchForetellsItsSize(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	for n := range 300 {
		var s sketch
		for range n {
			s.add(int64(rnd.Uint64() >> 1 >> rnd.IntN(63)))
			if got := len(s.appendTo(nil)); got != s.size() {
				t.Fatalf("%d B, foretold %d", got, s.size())
			}
		}
	}
}
