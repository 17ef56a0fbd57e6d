package intake

import (
	"bytes"
	"net/http"
	"runtime"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// A bomb must cost no more than the limit: 512 MiB of zeros are stopped near 1 MB. Not parallel: it reads the process's counters.
func TestDecompressHoldsNoMoreThanTheLimit(t *testing.T) {
	var bomb bytes.Buffer
	w, err := zstd.NewWriter(&bomb)
	if err != nil {
		t.Fatal(err)
	}
	for range 512 {
		if _, err := w.Write(make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err = decompress("zstd", bomb.Bytes(), 1_000_000)
	runtime.ReadMemStats(&after)
	if r, ok := err.(*refusal); !ok || r.status != http.StatusRequestEntityTooLarge {
		t.Errorf("error %v, want a 413", err)
	}
	// The limit, doubled by growing, and the decoder's window.
	if got := after.TotalAlloc - before.TotalAlloc; got > 64<<20 {
		t.Errorf("%d MiB were allocated for it", got>>20)
	}
}
