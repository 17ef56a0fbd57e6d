package intake

import "context"

// Attempts remembers over a crash what was sent and must not be sent twice.
type Attempts interface {
	// Begin notes durably that r is about to be sent. sentBefore says that an earlier process noted the same and was killed before it told what
	// became of it: then r must not be sent. After an error it must not be sent either, until Begin has none.
	Begin(ctx context.Context, r *Request) (sentBefore bool, err error)
	// End follows Begin when there is an answer, or an error. nothingDone says that r can be sent again.
	End(ctx context.Context, r *Request, nothingDone bool)
}
