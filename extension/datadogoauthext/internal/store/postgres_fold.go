package store

import "fmt"

type address struct {
	kind Kind
	key  string
}

// step is what one Apply does to one address.
type step struct {
	address
	expected uint64 // the version before; 0: there must be none
	next     uint64 // the version afterwards; 0: there is none
	gone     uint64 // the highest version that was there before and was deleted; 0: none was
	value    []byte
}

// fold turns changes, which happen in their order, into one step for each address, since one statement can change a row once. It
// returns ErrConflict where the changes contradict each other.
func fold(changes []Change) ([]step, error) {
	steps := make([]step, 0, len(changes))
	at := make(map[address]int, len(changes))
	for _, change := range changes {
		if err := checkAddress(change.Record); err != nil {
			return nil, fmt.Errorf("%s record: %w", change.Kind, err)
		}
		if change.Version > maxVersion {
			return nil, fmt.Errorf("%s record: %w", change.Kind, ErrConflict) // no store can hold it
		}
		where := address{change.Kind, change.Key}
		i, known := at[where]
		if !known {
			i = len(steps)
			at[where] = i
			steps = append(steps, step{address: where, expected: change.Version, next: change.Version})
		}
		s := &steps[i]
		if s.next != change.Version {
			return nil, fmt.Errorf("%s record: %w", change.Kind, ErrConflict)
		}
		if !change.Delete {
			s.next, s.value = change.Version+1, change.Value
			continue
		}
		if s.expected > 0 {
			s.gone = max(s.gone, s.next)
		}
		s.next, s.value = 0, nil
	}
	return steps, nil
}
