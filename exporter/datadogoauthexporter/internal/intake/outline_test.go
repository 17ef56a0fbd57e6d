package intake_test

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

const owner = "datadogoauth/eu/logs"

func TestOutlineRoundTrip(t *testing.T) {
	t.Parallel()
	want := request("acme", 3, 1, 400)
	want.Try.Timeouts = 1 // not stored
	body, outline := want.Store(owner, 7)
	data := outline.Append(nil)
	got, err := intake.ParseOutline(data, owner)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, outline) || got.Ticket != 7 || got.Wire != 3 || got.Key() != want.Key() || got.Count() != want.Count() ||
		got.BytesSize() != want.BytesSize() || got.Oldest != want.Oldest || got.Newest != want.Newest || got.Body != nil {
		t.Fatalf("got %+v, want %+v", got.Request, outline.Request)
	}
	r, err := got.Open(body)
	want.Try = intake.Try{}
	if err != nil || !reflect.DeepEqual(r, want) {
		t.Fatalf("got %+v, want %+v: %v", r, want, err)
	}
	if bytes.Contains(append(body, data...), []byte("key")) {
		t.Error("a key is stored")
	}
	_, other := request("acme", 3, 1, 400, 5).Store(owner, 7)
	if r, err := other.Open(body); !errors.Is(err, intake.ErrDamaged) || r != nil {
		t.Errorf("another request of the tenant is taken for this one: %v", err)
	}
}

func TestParseOutlineRefuses(t *testing.T) {
	t.Parallel()
	_, outline := request("acme", 3, 1).Store(owner, 7)
	good := outline.Append(nil)
	newer, newerBody := bytes.Clone(good), bytes.Clone(good)
	newer[3]++
	newerBody[4]++
	for name, c := range map[string]struct {
		data []byte
		want error
	}{
		"nothing":            {nil, intake.ErrForeign},
		"a stored request":   {[]byte("DDQ\x01\x01\x01"), intake.ErrForeign},
		"a newer form":       {newer, intake.ErrVersion},
		"of a newer request": {newerBody, intake.ErrVersion},
		"cut off":            {good[:8], intake.ErrDamaged},
	} {
		if o, err := intake.ParseOutline(c.data, owner); !errors.Is(err, c.want) || o != nil {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if o, err := intake.ParseOutline(good, "datadogoauth/eu/traces"); !errors.Is(err, intake.ErrForeign) || o != nil {
		t.Errorf("of another signal: %v", err)
	}
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 0x10
		if o, err := intake.ParseOutline(bad, owner); err == nil || o != nil {
			t.Errorf("byte %d is not covered", i)
		}
	}
}

func FuzzParseOutline(f *testing.F) {
	_, outline := request("acme", 3, 1).Store(owner, 7)
	f.Add(outline.Append(nil), false)
	f.Add([]byte("DDP\x01\x01\x01"), true)
	f.Fuzz(func(t *testing.T, data []byte, fixSum bool) {
		if fixSum { // lets the fuzzer past the check sum
			data = intake.WithSum(data)
		}
		o, err := intake.ParseOutline(data, owner)
		if (err == nil) != (o != nil) {
			t.Fatal("an outline with an error, or neither")
		}
		if o == nil {
			return
		}
		if again, err := intake.ParseOutline(o.Append(nil), owner); err != nil || !reflect.DeepEqual(again, o) {
			t.Fatalf("read %+v, written again %+v: %v", o, again, err)
		}
	})
}
