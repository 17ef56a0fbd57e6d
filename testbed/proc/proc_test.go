package proc_test

import (
	"net"
	"os"
	"runtime"
	"slices"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/proc"
)

func TestConnectionsAndFilesAreThoseOfTheProcess(t *testing.T) {
	before, err := proc.Read(os.Getpid(), "127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	after, err := proc.Read(os.Getpid(), l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if after.TCP != before.TCP+2 || after.Out != 1 || after.Files < before.Files+3 || after.Threads < 1 || after.Resident < 1<<20 || after.Peak < after.Resident {
		t.Errorf("before %+v, after %+v", before, after)
	}
	if _, err := proc.Read(1<<30, ""); err == nil {
		t.Error("there is no such process")
	}
}

func TestGoroutinesOfADump(t *testing.T) {
	t.Parallel()
	block := make(chan struct{})
	defer close(block)
	for range 50 {
		go func() { <-block }()
	}
	text := make([]byte, 1<<20)
	text = text[:runtime.Stack(text, true)]
	if n := proc.GoroutinesOfDump("SIGQUIT: quit\n\ngoroutine 0 gp=0x1 m=0 mp=0x2 [idle]:\n" + string(text)); n < 51 || n > 60 {
		t.Errorf("%d goroutines", n)
	}
}

func TestGoroutinesOfATrace(t *testing.T) {
	t.Parallel()
	text := `SCHED 0ms: gomaxprocs=2 idleprocs=1 threads=3
  P0: status=1 schedtick=0
  M0: p=0 curg=1
  G1: status=2(chan receive) m=0 lockedm=0
  G2: status=4(sleep) m=nil lockedm=nil
  G3: status=6() m=nil lockedm=nil
2026-01-01T00:00:00Z	info	a line of the log
SCHED 1000ms: gomaxprocs=2
  G1: status=4(select) m=nil lockedm=nil
SCHED 2000ms: gomaxprocs=2
  G1: status=4(select) m=nil lockedm=nil
`
	if got := proc.GoroutinesOfTrace(text); !slices.Equal(got, []int{2, 1}) {
		t.Errorf("%v, want those of the two lists that are finished", got)
	}
}
