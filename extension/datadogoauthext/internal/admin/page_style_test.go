package admin_test

import (
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Texts of the pages have the contrast that WCAG 2.2 asks for (1.4.3: 4.5 to 1), and what bounds a field or draws the chart that of 1.4.11
// (3 to 1), in the light and in the dark.
func TestColoursHaveContrast(t *testing.T) {
	t.Parallel()
	css, err := os.ReadFile("status.css")
	if err != nil {
		t.Fatal(err)
	}
	light, dark := map[string]string{}, map[string]string{}
	blocks := regexp.MustCompile(`(?s):root \{(.*?)\}`).FindAllStringSubmatch(string(css), -1)
	if len(blocks) != 2 {
		t.Fatalf("%d blocks of colours", len(blocks))
	}
	for i, colours := range []map[string]string{light, dark} {
		for _, m := range regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]+)`).FindAllStringSubmatch(blocks[i][1], -1) {
			colours[m[1]] = m[2]
		}
	}
	pairs := map[string]float64{
		"text page": 4.5, "text card": 4.5, "soft page": 4.5, "soft card": 4.5, "link page": 4.5, "link card": 4.5, "on-press press": 4.5,
		"good card": 4.5, "good page": 4.5, "good good-back": 4.5, "wait card": 4.5, "wait wait-back": 4.5, "bad card": 4.5, "bad page": 4.5, "bad bad-back": 4.5,
		"none none-back": 4.5, "soft none-back": 4.5, "text none-back": 4.5, "link none-back": 4.5, "good none-back": 4.5, "bad none-back": 4.5, "wait none-back": 4.5, // a row under the mouse
		"edge card": 3, "edge page": 3, "press page": 3, "press card": 3,
	}
	for name, colours := range map[string]map[string]string{"light": light, "dark": dark} {
		if len(colours) != len(light) || len(colours) < 15 {
			t.Errorf("%s has %d colours", name, len(colours))
		}
		for pair, want := range pairs {
			front, back, _ := strings.Cut(pair, " ")
			if got := contrast(t, colours[front], colours[back]); got < want {
				t.Errorf("%s: %s on %s is %.2f, want %.1f", name, front, back, got, want)
			}
		}
	}
	rest := strings.ReplaceAll(string(css), blocks[0][0], "")
	if stray := regexp.MustCompile(`#[0-9a-f]{3,8}\b|rgba?\(|hsla?\(`).FindString(strings.ReplaceAll(rest, blocks[1][0], "")); stray != "" {
		t.Errorf("%s is a colour that is not among those checked", stray)
	}
}

// contrast is the ratio of WCAG 2.2. https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio
func contrast(t *testing.T, one, two string) float64 {
	t.Helper()
	a, b := luminance(t, one), luminance(t, two)
	return (math.Max(a, b) + 0.05) / (math.Min(a, b) + 0.05)
}

func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	digits := strings.TrimPrefix(colour, "#")
	if len(digits) == 3 {
		digits = string([]byte{digits[0], digits[0], digits[1], digits[1], digits[2], digits[2]})
	}
	value, err := strconv.ParseUint(digits, 16, 32)
	if err != nil || len(digits) != 6 {
		t.Fatalf("%q is no colour", colour)
	}
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		c := float64(value>>(16-8*i)&0xff) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}

// The script puts texts into the page and nothing that could be markup or code.
func TestTheScriptMakesNoMarkup(t *testing.T) {
	t.Parallel()
	script, err := os.ReadFile("status.js")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(script), "\n"); n > 120 {
		t.Errorf("%d lines", n)
	}
	for _, sink := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval", "Function(", "createContextualFragment", "DOMParser", "srcdoc", "javascript:", "setHTML", "createElement", "localStorage", "http://", "https://"} {
		if strings.Contains(string(script), sink) {
			t.Errorf("the script has %s", sink)
		}
	}
}

// Everything that a page asks for is on this listener, and goes with its policy.
func TestPagesAskForNothingElsewhere(t *testing.T) {
	t.Parallel()
	s := start(t, busy())
	operate := s.loggedIn("the-operate")
	for _, path := range []string{"/", "/tenants/acme", "/tenants/acme/disconnect", "/invitations", "/audit"} {
		resp, page := s.do("GET", path, "", operate)
		policy := resp.Header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "style-src 'self'", "form-action 'self'", "require-trusted-types-for 'script'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: the policy lacks %s: %s", path, want, policy)
			}
		}
		for _, m := range regexp.MustCompile(`<script[^>]*>`).FindAllString(page, -1) {
			nonce := regexp.MustCompile(`nonce="([^"]+)"`).FindStringSubmatch(m)
			if nonce == nil || !strings.Contains(policy, "'nonce-"+nonce[1]+"'") || !strings.Contains(m, `src="/status.js"`) {
				t.Errorf("%s has %s with %s", path, m, policy)
			}
		}
		if bad := regexp.MustCompile(` style=|<style| on[a-z]+=|(src|action)="[^/"]|(src|action)="//|<link[^>]+href="[^/]`).FindString(page); bad != "" {
			t.Errorf("%s has %s", path, bad)
		}
		// Each field has a label, and no name is there twice.
		ids := map[string]bool{}
		for _, m := range regexp.MustCompile(` id="([^"]+)"`).FindAllStringSubmatch(page, -1) {
			if ids[m[1]] {
				t.Errorf("%s has the id %s twice", path, m[1])
			}
			ids[m[1]] = true
		}
		for _, field := range regexp.MustCompile(`<(input|select)[^>]*>`).FindAllString(page, -1) {
			if strings.Contains(field, `type="hidden"`) || strings.Contains(field, `type="checkbox"`) {
				continue
			}
			id := regexp.MustCompile(` id="([^"]+)"`).FindStringSubmatch(field)
			if id == nil || !strings.Contains(page, `<label for="`+id[1]+`"`) {
				t.Errorf("%s: no label for %s", path, field)
			}
		}
	}
}
