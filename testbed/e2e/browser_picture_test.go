package e2e

import (
	"bytes"
	"cmp"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/faults"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// besideWidth is the width at which three pages stand side by side in one picture.
const besideWidth = 600

// picturesThePages draws the picture of the README that has the customer's pages: what is seen first, when a key is in the way, and at the end.
func picturesThePages(t *testing.T, c chromium, customer world.Customer) {
	dir := picturesDir()
	if dir == "" {
		return
	}
	tab := c.tab(t, besideWidth)
	var shots [][]byte
	keep := func() {
		var shot []byte
		tab.run("take a picture", chromedp.FullScreenshot(&shot, 100))
		shots = append(shots, shot)
	}
	if _, err := c.world.Standin.Faults().Add(faults.Fault{Path: "/api/v2/api_keys/marketplace", Org: customer.Org.ID, Lose: true, Count: 1}); err != nil {
		t.Fatal(err)
	}
	tab.open(c.invite(t, customer.Tenant))
	keep()
	tab.press(connectButton)
	tab.agree(customer)
	tab.shows(http.StatusConflict, "One step is left")
	keep()
	c.world.Standin.OAuth().RevokeKeys(customer.Org.OrgRef, "")
	tab.press(`//button[.="Try again"]`)
	tab.shows(http.StatusOK, "You may now close this tab")
	keep()
	picture, err := sideBySide(shots)
	if err != nil {
		t.Fatal(err)
	}
	if len(picture) > 120_000 {
		t.Errorf("the picture has %d bytes, which is much for a README", len(picture))
	}
	if err := os.WriteFile(filepath.Join(dir, "customer.png"), picture, 0o600); err != nil {
		t.Fatal(err)
	}
}

// sideBySide joins pictures, with the 256 colours that they have most of: pages have few.
func sideBySide(shots [][]byte) ([]byte, error) {
	var pages []image.Image
	var size image.Point
	for _, shot := range shots {
		page, err := png.Decode(bytes.NewReader(shot))
		if err != nil {
			return nil, err
		}
		pages = append(pages, page)
		size = image.Pt(size.X+page.Bounds().Dx(), max(size.Y, page.Bounds().Dy()))
	}
	whole := image.NewRGBA(image.Rectangle{Max: size})
	draw.Draw(whole, whole.Bounds(), image.NewUniform(pages[0].At(0, 0)), image.Point{}, draw.Src)
	x := 0
	for _, page := range pages {
		draw.Draw(whole, image.Rect(x, 0, x+page.Bounds().Dx(), page.Bounds().Dy()), page, page.Bounds().Min, draw.Src)
		x += page.Bounds().Dx()
	}
	paletted := image.NewPaletted(whole.Bounds(), commonest(whole))
	draw.Draw(paletted, paletted.Bounds(), whole, image.Point{}, draw.Src)
	var out bytes.Buffer
	err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, paletted)
	return out.Bytes(), err
}

func commonest(img *image.RGBA) color.Palette {
	count := map[color.RGBA]int{}
	for i := 0; i < len(img.Pix); i += 4 {
		count[color.RGBA{img.Pix[i], img.Pix[i+1], img.Pix[i+2], img.Pix[i+3]}]++
	}
	all := make([]color.RGBA, 0, len(count))
	for c := range count {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b color.RGBA) int {
		return cmp.Or(count[b]-count[a], int(a.R)-int(b.R), int(a.G)-int(b.G), int(a.B)-int(b.B))
	})
	var p color.Palette
	for _, c := range all[:min(len(all), 256)] {
		p = append(p, c)
	}
	return p
}
