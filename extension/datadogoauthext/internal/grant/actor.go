package grant

import (
	"context"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/audit"
)

// Actor is who causes a change. The zero Actor is this program itself, on its own schedule.
type Actor = audit.Actor

type actorKey struct{}

// WithActor says on whose behalf whatever runs under the context acts.
func WithActor(ctx context.Context, a Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, a)
}

// customer has a customer act, named by what let them in, unless ctx names another.
func customer(ctx context.Context, door record) context.Context {
	if actorOf(ctx) != (Actor{}) {
		return ctx
	}
	a := Actor{Kind: "customer", Via: "flow"}
	switch door := door.(type) {
	case Invitation:
		a.Name = "invitation " + door.ID()
	case Login:
		a.Name = "ticket " + door.TicketID
	}
	return WithActor(ctx, a)
}

// ActorOf is the actor of a context.
func ActorOf(ctx context.Context) Actor { return actorOf(ctx) }

// actorOf returns the actor of a context.
func actorOf(ctx context.Context) Actor {
	a, _ := ctx.Value(actorKey{}).(Actor)
	return a
}
