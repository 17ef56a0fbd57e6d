package tenancy_test

import (
	"testing"

	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy"
)

func TestWhoseDatumItIs(t *testing.T) {
	t.Parallel()
	all := tenancy.Rules{Fixed: "acme", MetadataKey: "x-tenant", FromResource: true}
	for name, c := range map[string]struct {
		rules     tenancy.Rules
		metadata  []string
		attribute any
		want      string
		reason    intake.Reason
	}{
		"fixed":                                 {rules: tenancy.Rules{Fixed: "acme"}, want: "acme"},
		"client metadata":                       {rules: tenancy.Rules{MetadataKey: "x-tenant"}, metadata: []string{"acme"}, want: "acme"},
		"resource attribute, where believed":    {rules: tenancy.Rules{FromResource: true}, attribute: "acme", want: "acme"},
		"resource attribute, where not":         {rules: tenancy.Rules{}, attribute: "acme", reason: intake.ReasonNoTenant},
		"not believed, so no conflict either":   {rules: tenancy.Rules{Fixed: "acme"}, attribute: "globex", want: "acme"},
		"all agree":                             {rules: all, metadata: []string{"acme"}, attribute: "acme", want: "acme"},
		"metadata contradicts the configured":   {rules: all, metadata: []string{"globex"}, reason: intake.ReasonTenantConflict},
		"attribute contradicts the configured":  {rules: all, attribute: "globex", reason: intake.ReasonTenantConflict},
		"attribute contradicts the metadata":    {rules: tenancy.Rules{MetadataKey: "x-tenant", FromResource: true}, metadata: []string{"acme"}, attribute: "globex", reason: intake.ReasonTenantConflict},
		"metadata contradicts itself":           {rules: tenancy.Rules{MetadataKey: "x-tenant"}, metadata: []string{"acme", "globex"}, reason: intake.ReasonTenantConflict},
		"an empty name":                         {rules: tenancy.Rules{MetadataKey: "x-tenant"}, metadata: []string{""}, reason: intake.ReasonTenantInvalid},
		"a name with a line break":              {rules: tenancy.Rules{MetadataKey: "x-tenant"}, metadata: []string{"a\nb"}, reason: intake.ReasonTenantInvalid},
		"an attribute that is no string":        {rules: tenancy.Rules{FromResource: true}, attribute: 7, reason: intake.ReasonTenantInvalid},
		"nothing at all":                        {rules: tenancy.Rules{MetadataKey: "x-tenant", FromResource: true}, reason: intake.ReasonNoTenant},
		"on the list":                           {rules: tenancy.Rules{MetadataKey: "x-tenant", Allowed: []string{"acme"}}, metadata: []string{"acme"}, want: "acme"},
		"not on the list":                       {rules: tenancy.Rules{MetadataKey: "x-tenant", Allowed: []string{"acme"}}, metadata: []string{"globex"}, reason: intake.ReasonNotAllowed},
		"the list also limits a fixed tenant":   {rules: tenancy.Rules{Fixed: "globex", Allowed: []string{"acme"}}, reason: intake.ReasonNotAllowed},
		"the default, where nothing names one":  {rules: tenancy.Rules{MetadataKey: "x-tenant", FromResource: true, Default: "rest"}, want: "rest"},
		"the default is not for another name":   {rules: tenancy.Rules{MetadataKey: "x-tenant", Default: "rest"}, metadata: []string{"globex"}, want: "globex"},
		"nor for one that is refused":           {rules: tenancy.Rules{MetadataKey: "x-tenant", Default: "rest", Allowed: []string{"rest"}}, metadata: []string{"globex"}, reason: intake.ReasonNotAllowed},
		"nor for an empty one":                  {rules: tenancy.Rules{MetadataKey: "x-tenant", Default: "rest"}, metadata: []string{""}, reason: intake.ReasonTenantInvalid},
		"nor for two that differ":               {rules: tenancy.Rules{MetadataKey: "x-tenant", FromResource: true, Default: "rest"}, metadata: []string{"acme"}, attribute: "globex", reason: intake.ReasonTenantConflict},
		"nor for an attribute that is no text":  {rules: tenancy.Rules{FromResource: true, Default: "rest"}, attribute: 7, reason: intake.ReasonTenantInvalid},
		"but for an attribute that is not read": {rules: tenancy.Rules{MetadataKey: "x-tenant", Default: "rest"}, attribute: "globex", want: "rest"},
		"an attribute is not trimmed or folded": {rules: tenancy.Rules{Fixed: "acme", FromResource: true}, attribute: "Acme", reason: intake.ReasonTenantConflict},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := client.NewContext(t.Context(), client.Info{Metadata: client.NewMetadata(map[string][]string{"X-Tenant": c.metadata})})
			attrs := pcommon.NewMap()
			attrs.PutStr("service.name", "checkout")
			switch v := c.attribute.(type) {
			case string:
				attrs.PutStr(tenancy.Attribute, v)
			case int:
				attrs.PutInt(tenancy.Attribute, int64(v))
			}
			var was any
			if v, ok := attrs.Get(tenancy.Attribute); ok {
				was = v.AsRaw()
			}
			got, named, refusal := tenancy.NewResolver(c.rules).Caller(ctx).Take(attrs)
			if got != c.want || (refusal == nil) != (c.want != "") || refusal != nil && refusal.Reason != c.reason {
				t.Fatalf("tenant %q, refusal %v; want %q, %s", got, refusal, c.want, c.reason)
			}
			if _, ok := attrs.Get(tenancy.Attribute); ok || attrs.Len() != 1 {
				t.Fatal("the attribute that names the tenant is still there")
			}
			tenancy.Restore(attrs, named)
			if v, ok := attrs.Get(tenancy.Attribute); ok != (c.attribute != nil) || ok && v.AsRaw() != was {
				t.Fatalf("restored %v", attrs.AsRaw())
			}
		})
	}
}
