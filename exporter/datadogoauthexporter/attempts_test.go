package datadogoauthexporter

import (
	"encoding/binary"
	"testing"

	"go.uber.org/zap/zaptest"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// opened opens the notes in a storage, as a start of the collector does.
func opened(t *testing.T, s *memoryStorage) *attempts {
	t.Helper()
	file := &ownFile{client: &memoryClient{s, fileAttempts + "/"}, health: &fileHealth{status: &status{}}}
	return openAttempts(t.Context(), zaptest.NewLogger(t), file)
}

func eventOf(tenant, org, body string) *intake.Request {
	return intake.NewRequest(tenant, org, intake.Events, intake.Payload{Body: []byte(body), Items: []intake.Item{{End: uint32(len(body)), Count: 1}}})
}

// begins notes an attempt, and says whether it is one that was made before.
func begins(t *testing.T, a *attempts, r *intake.Request) bool {
	t.Helper()
	before, err := a.Begin(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return before
}

func TestAnAttemptOutlivesACrashAndNoOrderlyStop(t *testing.T) {
	t.Parallel()
	s := newStorage()
	sent, refused, other := eventOf("acme", "1", "sent"), eventOf("acme", "1", "refused"), eventOf("globex", "1", "sent")
	a := opened(t, s)
	for _, r := range []*intake.Request{sent, refused} {
		if begins(t, a, r) {
			t.Fatalf("%q was never sent", r.Body)
		}
	}
	a.End(t.Context(), refused, true)

	a = opened(t, s) // after a crash
	if !begins(t, a, sent) {
		t.Error("what was on its way is sent again")
	}
	for _, r := range []*intake.Request{refused, other, sent} {
		if begins(t, a, r) {
			t.Errorf("%s: %q: was not sent before, or was already told", r.Tenant, r.Body)
		}
		a.End(t.Context(), r, false)
	}
	if err := a.close(t.Context()); err != nil {
		t.Fatal(err)
	}

	a = opened(t, s) // after an orderly stop
	if begins(t, a, sent) {
		t.Error("a note outlives an orderly stop")
	}
	if a = opened(t, s); !begins(t, a, sent) || begins(t, a, other) {
		t.Error("after a crash that followed an orderly stop only what was sent since counts")
	}
}

func TestNotesOfAttemptsAreARing(t *testing.T) {
	t.Parallel()
	s := newStorage()
	first, last := eventOf("acme", "1", "first"), eventOf("acme", "1", "last")
	a := opened(t, s)
	begins(t, a, first)
	a.End(t.Context(), first, false)
	for range attemptsSlots {
		begins(t, a, last)
		a.End(t.Context(), last, false)
	}
	if n := len(s.values); n != attemptsSlots {
		t.Errorf("%d notes", n)
	}
	if len(a.slots) != 0 {
		t.Errorf("%d attempts are remembered that have ended", len(a.slots))
	}
	a = opened(t, s)
	if a.next != attemptsSlots+1 || begins(t, a, first) || !begins(t, a, last) {
		t.Errorf("the next note is number %d, or the wrong ones were overwritten", a.next)
	}
}

// TestADamagedNoteHarmsNoOther flips a bit in one of three notes, and takes another one's key.
func TestADamagedNoteHarmsNoOther(t *testing.T) {
	t.Parallel()
	s := newStorage()
	damaged, gone, whole := eventOf("acme", "1", "damaged"), eventOf("acme", "1", "gone"), eventOf("acme", "1", "whole")
	a := opened(t, s)
	for _, r := range []*intake.Request{damaged, gone, whole} {
		begins(t, a, r)
	}
	s.values[fileAttempts+"/"+slotKey(0)][3] ^= 1
	delete(s.values, fileAttempts+"/"+slotKey(1))
	a = opened(t, s)
	if n, err := a.load(t.Context()); n != 1 || err != nil {
		t.Errorf("%d notes are damaged, %v", n, err)
	}
	if a.next != 3 || begins(t, a, damaged) || begins(t, a, gone) || !begins(t, a, whole) {
		t.Errorf("the next note is number %d, or the wrong ones count", a.next)
	}
}

// TestNotesOfEarlierVersionsCount has notes without a check sum.
func TestNotesOfEarlierVersionsCount(t *testing.T) {
	t.Parallel()
	s := newStorage()
	sent, ended := eventOf("acme", "1", "sent"), eventOf("acme", "1", "ended")
	for number, r := range []*intake.Request{ended, sent} {
		n := noteOf(r)
		s.values[fileAttempts+"/"+slotKey(uint64(number))] = append(binary.BigEndian.AppendUint64(nil, uint64(number)), n[:]...)
	}
	s.values[fileAttempts+"/"+attemptsFloor] = binary.BigEndian.AppendUint64(nil, 1)
	if a := opened(t, s); a.next != 2 || begins(t, a, ended) || !begins(t, a, sent) {
		t.Errorf("the next note is number %d, or the wrong ones count", a.next)
	}
}
