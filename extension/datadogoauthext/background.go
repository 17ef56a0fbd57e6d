package datadogoauthext

import "context"

// background is one goroutine that is begun once. The service calls Start, Ready, NotReady and Shutdown one after the other, and nobody
// else touches it.
type background struct {
	stop context.CancelFunc // nil: not begun
	done chan struct{}
}

func (b *background) begun() bool { return b.stop != nil }

func (b *background) begin(run func(context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	b.stop, b.done = cancel, done
	go func() {
		defer close(done)
		run(ctx)
	}()
}

// end waits. It may come without begin, and twice.
func (b *background) end() {
	if b.stop != nil {
		b.stop()
		<-b.done
	}
}
