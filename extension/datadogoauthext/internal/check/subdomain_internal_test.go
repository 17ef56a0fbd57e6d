package check

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// TestASubdomainThatIsTakenForASiteFails reads domains as nothing here does.
func TestASubdomainThatIsTakenForASiteFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		parse func(string) (site.Site, error)
		want  Result
		says  string
	}{
		"as here":                   {site.ParseDomain, Pass, "use datadoghq.com"},
		"taken":                     {func(string) (site.Site, error) { return site.US1(), nil }, Fail, "bigcorp.datadoghq.com was taken for a site"},
		"refused, and no word more": {func(string) (site.Site, error) { return site.Site{}, errors.New("no site") }, Fail, "without a word on the right one"},
	} {
		l := subdomain(site.US1(), c.parse)
		assert.Equal(t, c.want, l.Result, name)
		assert.Contains(t, l.Evidence, c.says, name)
	}
}
