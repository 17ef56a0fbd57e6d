package plot_test

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/plot"
)

func TestAPictureIsXMLWithEveryPoint(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	err := plot.Draw(&out, "a < b & c", []string{"1", "10 & more"}, []plot.Panel{
		{Title: "memory, MB", Y: []float64{10, 250}, Low: []float64{9, 200}, High: []float64{11, 260}}, {Title: "nothing", Y: []float64{0, 0}},
	})
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for d := xml.NewDecoder(strings.NewReader(out.String())); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, out.String())
		}
		if start, ok := token.(xml.StartElement); ok {
			counts[start.Name.Local]++
		}
	}
	if counts["circle"] != 4 || counts["polyline"] != 2 || counts["g"] != 2 {
		t.Errorf("%v", counts)
	}
	// The larger value of two stands higher: 250 of 300 in 132 pixels above 166.
	if !strings.Contains(out.String(), `cy="56.0"`) || strings.Contains(out.String(), "NaN") {
		t.Error(out.String())
	}
}

func TestEveryPlaceNeedsAValue(t *testing.T) {
	t.Parallel()
	if err := plot.Draw(io.Discard, "t", []string{"1", "2"}, []plot.Panel{{Title: "short", Y: []float64{1}}}); err == nil || !strings.Contains(err.Error(), "short") {
		t.Errorf("error %v", err)
	}
}
