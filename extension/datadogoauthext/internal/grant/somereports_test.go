package grant_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/check"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
)

func TestReportsAreReadPageByPage(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	for _, tenant := range []string{"e", "a", "c", "b"} {
		require.NoError(t, s.BeginCheck(t.Context(), check.Report{ID: "1", Tenant: tenant, StartedAt: f.Clock.Now(), Steps: []check.Step{}}))
	}
	s.ConsentFailed(t.Context(), grant.Flow{Tenant: "d", Client: "main"}, "exchange_refused", "", errors.New("400")) // which is no report
	for limit, want := range map[int]string{1: "[[a] [b] [c] [] [e]]", 2: "[[a b] [c] [e]]", 5: "[[a b c e]]", 100: "[[a b c e]]"} {
		var pages [][]string
		for after := ""; ; {
			page := []string{}
			next, err := s.SomeCheckReports(t.Context(), after, limit, func(r check.Report) { page = append(page, r.Tenant) })
			require.NoError(t, err)
			pages = append(pages, page)
			if after = next; after == "" {
				break
			}
			require.Less(t, len(pages), 9)
		}
		assert.Equal(t, want, fmt.Sprint(pages), "%d on a page", limit)
	}
	_, err := s.SomeCheckReports(t.Context(), "zzz", 1, func(r check.Report) { t.Error(r.Tenant) })
	require.NoError(t, err)
}
