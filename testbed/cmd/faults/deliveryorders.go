package main

import (
	"context"
	"fmt"
	"net/http"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// mintAgain has an operator mint a tenant's key once more.
func mintAgain(ctx context.Context, n *world.Node, tenant string) error {
	return order(ctx, n, tenant, "mint", nil)
}

// disconnect has an operator disconnect a tenant.
func disconnect(ctx context.Context, n *world.Node, tenant string) error {
	return order(ctx, n, tenant, "disconnect", map[string]string{"reason": "contract ended"})
}

func order(ctx context.Context, n *world.Node, tenant, what string, in any) error {
	status, body, err := n.Admin(ctx, http.MethodPost, "/v1/tenants/"+tenant+"/"+what, in)
	if err == nil && status >= 300 {
		err = fmt.Errorf("%d: %s", status, body)
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", what, tenant, err)
	}
	return nil
}
