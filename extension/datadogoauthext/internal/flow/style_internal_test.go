package flow

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// WCAG 2.2, 1.4.3 and 1.4.11: text has a contrast of 4.5 to 1 with what it stands on, and what else has to be seen of 3 to 1, by day and by night.
func TestTheColoursHaveContrast(t *testing.T) {
	t.Parallel()
	day, night, ok := strings.Cut(style, "@media (prefers-color-scheme: dark)")
	require.True(t, ok)
	for name, css := range map[string]string{"day": day, "night": night} {
		colour := map[string]string{}
		for _, m := range regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{6});`).FindAllStringSubmatch(css, -1) {
			colour[m[1]] = m[2]
		}
		require.Len(t, colour, 11, name)
		for _, pair := range [][2]string{
			{"text", "card"}, {"text", "page"}, {"soft", "card"}, {"soft", "page"}, {"accent", "card"}, {"accent", "page"}, {"on-accent", "accent"}, {"wrong", "card"},
		} {
			assert.GreaterOrEqual(t, contrast(t, colour[pair[0]], colour[pair[1]]), 4.5, "%s: %s on %s", name, pair[0], pair[1])
		}
		for _, seen := range []string{"field", "good", "notice", "accent"} {
			assert.GreaterOrEqual(t, contrast(t, colour[seen], colour["card"]), 3.0, "%s: %s", name, seen)
		}
	}
	assert.NotRegexp(t, `#[0-9a-fA-F]{3,8}`, regexp.MustCompile(`--[a-z-]+: #[0-9a-f]{6};`).ReplaceAllString(style, ""), "every colour has a name, and so is compared")
	assert.InDelta(t, 21, contrast(t, "#000000", "#ffffff"), 0.001)
	assert.InDelta(t, 4.54, contrast(t, "#767676", "#ffffff"), 0.01)
}

// contrast is the ratio of https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio.
func contrast(t *testing.T, a, b string) float64 {
	la, lb := luminance(t, a), luminance(t, b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

// luminance is that of https://www.w3.org/TR/WCAG22/#dfn-relative-luminance.
func luminance(t *testing.T, colour string) float64 {
	require.Len(t, colour, 7, colour)
	rgb, err := strconv.ParseUint(colour[1:], 16, 32)
	require.NoError(t, err)
	channel := func(v uint64) float64 {
		c := float64(v) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*channel(rgb>>16) + 0.7152*channel(rgb>>8&0xff) + 0.0722*channel(rgb&0xff)
}
