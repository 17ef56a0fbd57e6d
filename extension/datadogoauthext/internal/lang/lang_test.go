package lang_test

import (
	"strings"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/lang"
)

func TestOf(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]lang.Lang{
		"":                                    lang.English,
		"*":                                   lang.English,
		"fr-FR,fr;q=0.9":                      lang.English,
		"ko":                                  lang.Korean,
		"KO-KR":                               lang.Korean,
		"ko-KR,ko;q=0.9,en-US;q=0.8,en;q=0.7": lang.Korean,
		"en-US,en;q=0.9,ko;q=0.8":             lang.English,
		"fr, ko;q=0.3":                        lang.Korean,
		"en;q=0.2, ko;q=0.9":                  lang.Korean,
		"ko;q=0.5, en;q=0.5":                  lang.Korean,
		"ko;q=0, *":                           lang.English,
		"ko;q=nan, en;q=0.1":                  lang.English,
		"ko;q=7":                              lang.English,
		"ko;q=-1":                             lang.English,
		"ko;level=1":                          lang.English,
		" ko ; Q=0.4 ":                        lang.Korean,
		"kok, kor":                            lang.English, // Konkani, and no subtag of two letters
		"korean;;;=,,,":                       lang.English,
		strings.Repeat("x,", 1000) + "ko":     lang.English,
	} {
		if got := lang.Of(header); got != want {
			t.Errorf("%.60q: %s, want %s", header, got, want)
		}
	}
}
