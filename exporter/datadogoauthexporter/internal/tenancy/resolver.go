// Package tenancy decides whose a datum is, and keeps one tenant's trouble away from the others: a place among the senders for each, and a
// bounded park for data whose tenant cannot take it at the moment.
package tenancy

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// Attribute is the resource attribute that can name the tenant. It is never sent to Datadog.
const Attribute = "datadog.tenant"

// Refusal says why a resource belongs to no tenant that this collector sends for. It is permanent.
type Refusal struct {
	Reason intake.Reason
	Err    error
}

func (r *Refusal) Error() string { return r.Err.Error() }

func (r *Refusal) Unwrap() error { return r.Err }

// Rules say which sources name a tenant. The first that names one wins, and all that name one must agree.
type Rules struct {
	// Fixed is the one tenant of this exporter, "" for none.
	Fixed string
	// MetadataKey is a key of the client metadata, such as the HTTP header "x-tenant", "" for none.
	MetadataKey string
	// FromResource says that the resource attribute "datadog.tenant" is believed. Whoever may send telemetry here can then name any tenant.
	FromResource bool
	// Allowed limits the tenants. With none, every connected tenant is allowed.
	Allowed []string
	// Default is the tenant of resources of which nothing names one, "" for none.
	Default string
}

// Resolver applies Rules. It is safe for concurrent use.
type Resolver struct {
	rules   Rules
	allowed map[string]struct{}
}

// NewResolver expects rules that were validated.
func NewResolver(rules Rules) *Resolver {
	r := &Resolver{rules: rules}
	if len(rules.Allowed) > 0 {
		r.allowed = make(map[string]struct{}, len(rules.Allowed))
		for _, name := range rules.Allowed {
			r.allowed[name] = struct{}{}
		}
	}
	return r
}

// Serves says that data can be this tenant's.
func (r *Resolver) Serves(tenant string) bool {
	if r.rules.Fixed != "" && tenant != r.rules.Fixed {
		return false
	}
	if r.rules.Fixed == "" && r.rules.MetadataKey == "" && !r.rules.FromResource && tenant != r.rules.Default {
		return false
	}
	_, ok := r.allowed[tenant]
	return ok || r.allowed == nil
}

// Caller is what the more trusted sources say about all resources of one call.
type Caller struct {
	resolver *Resolver
	tenant   string
	refusal  *Refusal
}

// Caller reads the fixed tenant and the client metadata of ctx.
func (r *Resolver) Caller(ctx context.Context) Caller {
	c := Caller{resolver: r, tenant: r.rules.Fixed}
	if r.rules.MetadataKey == "" {
		return c
	}
	for _, name := range client.FromContext(ctx).Metadata.Get(r.rules.MetadataKey) {
		if c.refusal = agree(&c.tenant, name, "client metadata "+r.rules.MetadataKey); c.refusal != nil {
			break
		}
	}
	return c
}

var errNoTenant = &Refusal{intake.ReasonNoTenant, errors.New("nothing names the tenant of this resource; see the section tenant of the exporter's configuration")}

// Named is the attribute that Take removed. The zero Named is none.
type Named struct {
	found bool
	text  string
	other *pcommon.Value // if it was no string
}

// Take returns the tenant of a resource and removes the attribute that may name it. Whoever gives the resource back to its sender restores it
// with Restore.
func (c Caller) Take(attrs pcommon.Map) (tenant string, named Named, refusal *Refusal) {
	if value, found := attrs.Get(Attribute); found {
		named = Named{found: true}
		if value.Type() == pcommon.ValueTypeStr {
			named.text = value.Str()
		} else {
			other := pcommon.NewValueEmpty()
			value.MoveTo(other) // not a copy, whose depth is that of the value
			named.other = &other
		}
		attrs.Remove(Attribute)
		if c.refusal == nil && c.resolver.rules.FromResource {
			if named.other != nil {
				return "", named, &Refusal{intake.ReasonTenantInvalid, fmt.Errorf("resource attribute %s must be a string", Attribute)}
			}
			c.refusal = agree(&c.tenant, named.text, "resource attribute "+Attribute)
		}
	}
	switch {
	case c.refusal != nil:
		return "", named, c.refusal
	case c.tenant == "" && c.resolver.rules.Default == "":
		return "", named, errNoTenant
	case c.tenant == "":
		c.tenant = c.resolver.rules.Default
	}
	if c.resolver.allowed != nil {
		if _, ok := c.resolver.allowed[c.tenant]; !ok {
			return "", named, &Refusal{intake.ReasonNotAllowed, fmt.Errorf("tenant %q is not in tenant::allowed of this exporter", c.tenant)}
		}
	}
	return c.tenant, named, nil
}

// Restore puts back what Take removed, with its type.
func Restore(attrs pcommon.Map, named Named) {
	switch {
	case !named.found:
	case named.other != nil:
		named.other.MoveTo(attrs.PutEmpty(Attribute))
	default:
		attrs.PutStr(Attribute, named.text)
	}
}

// agree takes name as the tenant, unless another source named a different one.
func agree(tenant *string, name, source string) *Refusal {
	if err := intake.CheckTenant(name); err != nil {
		return &Refusal{intake.ReasonTenantInvalid, fmt.Errorf("%s: %w", source, err)}
	}
	if *tenant != "" && *tenant != name {
		return &Refusal{intake.ReasonTenantConflict, fmt.Errorf("%s names tenant %q, a more trusted source names %q", source, name, *tenant)}
	}
	*tenant = name
	return nil
}
