package intake_test

import (
	"bytes"
	"errors"
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

func TestUnmarshalRefuses(t *testing.T) {
	t.Parallel()
	good, err := intake.Encoding{}.Marshal(t.Context(), request("acme", 3, 1))
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(good)
	flipped[len(flipped)/2] ^= 1
	newer := bytes.Clone(good)
	newer[3] = 9
	for name, c := range map[string]struct {
		data []byte
		want error
	}{
		"nothing":              {nil, intake.ErrForeign},
		"OTLP protobuf":        {[]byte("\x0a\x10\x0a\x00resource metrics"), intake.ErrForeign},
		"a newer form":         {newer, intake.ErrVersion},
		"a flipped bit":        {flipped, intake.ErrDamaged},
		"a cut off tail":       {good[:len(good)-1], intake.ErrDamaged},
		"the first bytes only": {good[:6], intake.ErrDamaged},
		"something appended":   {append(bytes.Clone(good), 0), intake.ErrDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var told error
			_, req, err := intake.Encoding{Unreadable: func(err error) { told = err }}.Unmarshal(c.data)
			// An empty place in the queue is a request that could not be written, so that nobody has it to lose.
			if !errors.Is(err, c.want) || req != nil || (told == nil) != (len(c.data) == 0) {
				t.Fatalf("request %v, error %v, told %v; want %v", req, err, told, c.want)
			}
		})
	}
}

func FuzzUnmarshal(f *testing.F) {
	good, err := intake.Encoding{}.Marshal(f.Context(), request("acme", 3, 1))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good, false)
	f.Add(good, true)
	f.Add([]byte("DDQ\x01\x01"), true)
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
