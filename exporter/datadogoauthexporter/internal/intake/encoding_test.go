package intake_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"reflect"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

func TestEncodingRoundTrip(t *testing.T) {
	t.Parallel()
	want := request("acme", 3, 1, 400)
	want.Try.Failures = 3 // not stored
	data, err := intake.Encoding{}.Marshal(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	_, got, err := intake.Encoding{}.Unmarshal(data)
	if err != nil {
		t.Fatal(err)
	}
	want.Try = intake.Try{}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v, want %+v", got, want)
	}
	for i := range data {
		data[i] ^= 0xff
	}
	if got := got.(*intake.Request); !bytes.Equal(got.Body, want.Body) {
		t.Fatal("the request keeps memory of the stored bytes")
	}
}

// TestWhoStoredARequest: another run's is found, this run's is not, and once it is stored anew it is this run's. Form 1, which names no run, is found.
func TestWhoStoredARequest(t *testing.T) {
	t.Parallel()
	want := request("acme", 3, 1, 400)
	var found []*intake.Request
	mine := intake.Encoding{Run: intake.NewRun(), Found: func(r *intake.Request) { found = append(found, r) }}
	others := intake.Encoding{Run: intake.NewRun()}
	stored := func(e intake.Encoding) []byte {
		t.Helper()
		data, err := e.Marshal(t.Context(), want)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	bare, _ := want.Store(owner, 1) // as queues of before had it
	for name, c := range map[string]struct {
		data  []byte
		found int
	}{
		"mine":      {stored(mine), 0},
		"another's": {stored(others), 1},
		"form 1":    {bare, 1},
	} {
		found = nil
		_, r, err := mine.Unmarshal(c.data)
		if err != nil || !reflect.DeepEqual(r, want) || len(found) != c.found {
			t.Fatalf("%s: %+v, found %d: %v", name, r, len(found), err)
		}
		again, err := mine.Marshal(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if !intake.SameRequest(c.data, again) || intake.SameRequest(c.data, again[:len(again)-1]) {
			t.Errorf("%s: another request than the one it is stored anew as", name)
		}
		if _, r, err := mine.Unmarshal(again); err != nil || !reflect.DeepEqual(r, want) || len(found) != c.found {
			t.Errorf("%s, stored anew: %+v, found %d: %v", name, r, len(found), err)
		}
	}
	for _, other := range [][]byte{nil, []byte("DDQ\x02"), []byte("foreign bytes of some length"), mustStore(t, request("acme", 3, 1, 401))} {
		if intake.SameRequest(bare, other) || intake.SameRequest(other, bare) {
			t.Errorf("%q is taken for another request", other)
		}
	}
	if bytes.Equal(mine.Run[:], others.Run[:]) {
		t.Error("two runs have one name")
	}
}

func TestUnmarshalRefuses(t *testing.T) {
	t.Parallel()
	good, err := intake.Encoding{}.Marshal(t.Context(), request("acme", 3, 1))
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(good)
	flipped[len(flipped)/2] ^= 1
	newForm, newFamily, notNewer := sealed(good, 3, 3), sealed(good, 4, 200), bytes.Clone(good)
	notNewer[3] = 3
	for name, c := range map[string]struct {
		data []byte
		want error
	}{
		"nothing":              {nil, intake.ErrForeign},
		"OTLP protobuf":        {[]byte("\x0a\x10\x0a\x00resource metrics"), intake.ErrForeign},
		"a newer form":         {newForm, intake.ErrVersion},
		"a newer intake":       {newFamily, intake.ErrVersion},
		"a flipped bit":        {flipped, intake.ErrDamaged},
		"one in the form":      {notNewer, intake.ErrDamaged},
		"a cut off tail":       {good[:len(good)-1], intake.ErrDamaged},
		"the first bytes only": {good[:6], intake.ErrDamaged},
		"no run":               {withoutRun(good), intake.ErrDamaged},
		"something appended":   {append(bytes.Clone(good), 0), intake.ErrDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var told error
			_, req, err := intake.Encoding{Unreadable: func(_ []byte, err error) { told = err }}.Unmarshal(c.data)
			// An empty place in the queue is a request that could not be written, so that nobody has it to lose.
			if !errors.Is(err, c.want) || req != nil || (told == nil) != (len(c.data) == 0) {
				t.Fatalf("request %v, error %v, told %v; want %v", req, err, told, c.want)
			}
			if newer := intake.Newer(c.data); newer != errors.Is(c.want, intake.ErrVersion) {
				t.Errorf("it is of a newer version: %v", newer)
			}
		})
	}
}

func mustStore(t *testing.T, r *intake.Request) []byte {
	t.Helper()
	data, err := intake.Encoding{}.Marshal(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// sealed is a stored request with one byte changed, and the sum made right.
func sealed(stored []byte, at int, value byte) []byte {
	content := bytes.Clone(stored[:len(stored)-4])
	content[at] = value
	return binary.LittleEndian.AppendUint32(content, crc32.Checksum(content, crc32.MakeTable(crc32.Castagnoli)))
}

// withoutRun cuts the run out of the middle of the sum's reach.
func withoutRun(stored []byte) []byte {
	at := len(stored) - 4 - len(intake.Run{})
	return append(bytes.Clone(stored[:at]), stored[len(stored)-4:]...)
}

func FuzzUnmarshal(f *testing.F) {
	good, err := intake.Encoding{}.Marshal(f.Context(), request("acme", 3, 1))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good, false)
	f.Add(good, true)
	bare, _ := request("acme", 3, 1).Store("owner", 1)
	f.Add(bare, false)
	f.Add([]byte("DDQ\x01\x01"), true)
	f.Add([]byte("DDQ\x02\x0112345678"), true)
	f.Fuzz(func(t *testing.T, data []byte, fixSum bool) {
		if fixSum { // lets the fuzzer past the check sum
			data = intake.WithSum(data)
		}
		_, req, err := intake.Encoding{}.Unmarshal(data)
		if err != nil {
			if req != nil {
				t.Fatal("a request in spite of an error")
			}
			return
		}
		again, err := intake.Encoding{}.Marshal(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		_, twice, err := intake.Encoding{}.Unmarshal(again)
		if err != nil || !reflect.DeepEqual(req, twice) {
			t.Fatalf("read back %+v, %v; want %+v", twice, err, req)
		}
	})
}
