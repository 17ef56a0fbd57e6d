package intake

import "context"

// Target is the Datadog host that a client believes to talk to.
type Target struct {
	Site    string // site parameter, for instance "datadoghq.eu"
	Purpose string // "api", "logs", "traces", "otlp", "events" or "spans"
	Host    string // for instance "http-intake.logs.datadoghq.eu"
}

type targetKey struct{}

// WithTarget says whom the request of ctx is meant for. A request without a target is answered with 404.
func WithTarget(ctx context.Context, t Target) context.Context {
	return context.WithValue(ctx, targetKey{}, t)
}

func targetOf(ctx context.Context) (Target, bool) {
	t, ok := ctx.Value(targetKey{}).(Target)
	return t, ok
}
