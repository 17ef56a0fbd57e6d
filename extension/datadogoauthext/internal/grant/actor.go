package grant

import "context"

// Actor is who caused a change. The zero Actor is this program itself, on its own schedule.
type Actor struct {
	// Kind is "operator", "customer", "datadog" or, for this program, "".
	Kind string `json:"kind,omitempty"`
	// Name is an operator's token name, or the id of a customer's invitation or ticket. It is no secret.
	Name string `json:"name,omitempty"`
	// Via is the way by which it was asked: "api", "page" or "flow".
	Via string `json:"via,omitempty"`
}

type actorKey struct{}

// WithActor says on whose behalf whatever runs under the context acts.
func WithActor(ctx context.Context, a Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, a)
}

// actorOf returns the actor of a context.
func actorOf(ctx context.Context) Actor {
	a, _ := ctx.Value(actorKey{}).(Actor)
	return a
}
