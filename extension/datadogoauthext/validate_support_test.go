package datadogoauthext

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSupportIsALineThatPagesCanShow(t *testing.T) {
	t.Parallel()
	faults := func(support string) (keys []string) {
		f := FlowConfig{Support: support}
		f.validateSupport(func(key, _ string, _ ...any) { keys = append(keys, key) })
		return keys
	}
	for _, good := range []string{"", "https://partner.example/help?x=y", "mailto:help@partner.example?subject=Datadog", "02-123-4567", "고객 지원팀: 02-123-4567", "call us: +1 555"} {
		assert.Empty(t, faults(good), good)
	}
	for _, bad := range []string{"http://partner.example", "https:", "https://", "https://user:pass@partner.example", "HTTPS:partner", "mailto:", "mailto:nobody", "two\nlines", "\u202eabc", strings.Repeat("x", 201)} {
		assert.Equal(t, []string{"flow::support"}, faults(bad), bad)
	}
}
