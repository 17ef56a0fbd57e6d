package delivery

import (
	"slices"
	"testing"
)

func TestAnIDIsFoundInWhateverStandsAroundIt(t *testing.T) {
	t.Parallel()
	text := "x" + ID(7).String() + `","` + ID(4_000_000_000).String() + ID(7).String() + "dlvid000000000x dlvid0000000000 dlvid9999999999 dlvid00000000"
	if got := idsIn([]byte(text)); !slices.Equal(got, []ID{7, 4_000_000_000}) {
		t.Errorf("found %v", got)
	}
}
