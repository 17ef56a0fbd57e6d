package intake

// fifo is a queue that gives memory back as it is emptied.
type fifo[T any] struct {
	items []T
	head  int // items before head are gone
}

func (f *fifo[T]) len() int { return len(f.items) - f.head }
func (f *fifo[T]) push(v T) { f.items = append(f.items, v) }
func (f *fifo[T]) all() []T { return f.items[f.head:] }

// pushBounded appends v and drops the oldest beyond max. It returns how many it dropped.
func (f *fifo[T]) pushBounded(v T, max int) (evicted int) {
	f.push(v)
	for ; f.len() > max; evicted++ {
		f.pop()
	}
	return evicted
}

// pop removes the oldest item. The queue must not be empty.
func (f *fifo[T]) pop() T {
	var zero T
	v := f.items[f.head]
	f.items[f.head] = zero
	f.head++
	if f.head > 1024 && f.head > len(f.items)/2 {
		f.items = append([]T(nil), f.items[f.head:]...)
		f.head = 0
	}
	return v
}
